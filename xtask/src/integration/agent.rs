//! The agent in its container, spoken to line by line.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::check::trouble;
use super::container::Container;
use super::site::Site;
use crate::command::{Failed, say, shell_line};

/// The agent's own limit is shorter.
const TIME_LIMIT: Duration = Duration::from_secs(120);

type Waiting = Arc<Mutex<HashMap<u64, Sender<Value>>>>;

pub(super) struct Agent {
    child: Child,
    input: Mutex<ChildStdin>,
    waiting: Waiting,
    tags: AtomicU64,
}

/// An order that is being carried out.
pub(super) struct Order(Receiver<Value>);

/// What a tool said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) is_error: bool,
}

impl Agent {
    /// Returns once the program in the container speaks.
    pub(super) fn run(site: &Site) -> Result<Agent, Failed> {
        Agent::run_with(site, "agent", &[])
    }

    /// The same under another name, with volumes as the engine takes them.
    pub(super) fn run_with(site: &Site, name: &str, volumes: &[String]) -> Result<Agent, Failed> {
        let (_, mut run) = Container::new(site, name);
        run.args(["--interactive", "--rm"]);
        volumes.iter().for_each(|volume| {
            run.args(["--volume", volume]);
        });
        run.arg(site.agent_image());
        run.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let _making = site.begin();
        let line = shell_line(&run);
        say(&format!("$ {line}"));
        let mut child = run.spawn().map_err(trouble(&line))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| Failed::new(format!("{line}: no pipes")))?;
        let agent = Agent {
            child,
            input: Mutex::new(input),
            waiting: Waiting::default(),
            tags: AtomicU64::new(1),
        };
        listen(output, &agent.waiting)
            .map_err(|failed| Failed::new(format!("{line}: {}", failed.reason())))?;
        Ok(agent)
    }

    /// Begins a call of a tool.
    pub(super) fn call(&self, name: &str, arguments: &Value) -> Result<Order, Failed> {
        self.order(json!({"do": "call", "name": name, "arguments": arguments}))
    }

    /// Any other order, carried out.
    pub(super) fn ask(&self, order: Value) -> Result<Value, Failed> {
        self.order(order)?.said()
    }

    fn order(&self, mut order: Value) -> Result<Order, Failed> {
        let tag = self.tags.fetch_add(1, Ordering::Relaxed);
        order["tag"] = json!(tag);
        let (sender, receiver) = channel();
        locked(&self.waiting).insert(tag, sender);
        writeln!(locked(&self.input), "{order}").map_err(trouble("telling the agent"))?;
        Ok(Order(receiver))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Order {
    pub(super) fn said(self) -> Result<Value, Failed> {
        let mut outcome = self
            .0
            .recv_timeout(TIME_LIMIT)
            .map_err(|_| Failed::new("the agent doesn't answer"))?;
        match outcome["error"].as_str() {
            Some(error) => Err(Failed::new(format!("the agent: {error}"))),
            None => Ok(outcome["said"].take()),
        }
    }

    pub(super) fn answer(self) -> Result<Answer, Failed> {
        let said = self.said()?;
        Ok(Answer {
            text: said["text"].as_str().unwrap_or_default().to_owned(),
            is_error: said["is_error"] == json!(true),
        })
    }
}

/// Waits for the first line, then hands every other to whoever waits for it.
fn listen(output: ChildStdout, waiting: &Waiting) -> Result<(), Failed> {
    let mut lines = BufReader::new(output).lines();
    match lines.next() {
        Some(Ok(_)) => {}
        Some(Err(error)) => return Err(trouble("listening")(error)),
        None => return Err(Failed::new("ended before it said anything")),
    }
    let waiting = Arc::clone(waiting);
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            let tag = said["tag"].as_u64().unwrap_or_default();
            if let Some(sender) = locked(&waiting).remove(&tag) {
                // Whoever asked may have given up.
                let _ = sender.send(said);
            }
        }
        // Nobody will be answered any more.
        locked(&waiting).clear();
    });
    Ok(())
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
