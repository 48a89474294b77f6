//! Programs of the operator's own, run one after the other on a thread that nothing waits for.

use std::collections::HashSet;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use supervise_core::SafeLine;

use crate::ui::{Line, line};

const TIME_LIMIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What a killed program may take to be gone before this one ends without it.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// One run of a program.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Where it runs; here, unless it is named.
    pub(crate) dir: Option<PathBuf>,
    /// What it reads. It must be smaller than any pipe, so that writing it never waits.
    pub(crate) stdin: String,
}

/// What went wrong. Each kind is said once, whatever the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trouble {
    NotStarted,
    Failed,
    Late,
    Lost,
}

type Complaint = (Trouble, String);

/// Runs what it is given in order, one at a time, and ends with what it runs.
#[derive(Debug)]
pub(crate) struct Hook {
    name: String,
    calls: Option<SyncSender<Call>>,
    complaints: Receiver<Complaint>,
    told: HashSet<Trouble>,
    lost: bool,
    running: Arc<Mutex<Running>>,
    thread: JoinHandle<()>,
}

/// What the thread is at. A program's number is its own only until it has been waited for, so both waiting and
/// killing happen under this lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Running {
    Nothing,
    Group(Pid),
    /// Nothing is started any more.
    Ended,
}

impl Hook {
    /// A hook that lets at most `waiting` calls wait; `name` is what its troubles are told of.
    pub(crate) fn start(name: String, waiting: usize) -> Hook {
        let (calls, queue) = sync_channel(waiting);
        let (complain, complaints) = channel();
        let running = Arc::new(Mutex::new(Running::Nothing));
        let shared = Arc::clone(&running);
        Hook {
            name,
            calls: Some(calls),
            complaints,
            told: HashSet::new(),
            lost: false,
            running,
            thread: thread::spawn(move || run_all(&queue, &complain, &shared)),
        }
    }

    /// Has it run in its turn. False: too many are waiting already, and this one is not run.
    pub(crate) fn offer(&mut self, call: Call) -> bool {
        self.calls
            .as_ref()
            .is_some_and(|calls| calls.try_send(call).is_ok())
    }

    /// The same, where one that isn't run is a trouble to be told.
    pub(crate) fn send(&mut self, call: Call) {
        self.lost |= !self.offer(call);
    }

    /// What went wrong since, each kind of thing once.
    pub(crate) fn troubles(&mut self) -> Vec<Line> {
        let mut complaints: Vec<Complaint> = self.complaints.try_iter().collect();
        if self.lost {
            let text = "is too slow; some events were not given to it";
            complaints.push((Trouble::Lost, text.to_owned()));
        }
        complaints.retain(|(trouble, _)| self.told.insert(*trouble));
        let name = SafeLine::new(&self.name);
        let said = |(_, text): &Complaint| line![&name, " ", SafeLine::new(text), "; said once"];
        complaints.iter().map(said).collect()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.calls = None;
        if let Running::Group(group) = std::mem::replace(&mut *lock(&self.running), Running::Ended) {
            kill(group);
        }
        // A program that was just being started is ended by the thread, which must live to see to it.
        let give_up = Instant::now() + LAST_WAIT;
        while !self.thread.is_finished() && Instant::now() < give_up {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a program and what it started.
fn kill(group: Pid) {
    // It may have ended by itself just now.
    let _ = kill_process_group(group, Signal::KILL);
}

fn run_all(calls: &Receiver<Call>, complain: &Sender<Complaint>, running: &Mutex<Running>) {
    for call in calls {
        if *lock(running) == Running::Ended {
            return;
        }
        if let Err(complaint) = run(&call, running) {
            // Whoever would have told it may have ended by now.
            let _ = complain.send(complaint);
        }
    }
}

fn run(call: &Call, running: &Mutex<Running>) -> Result<(), Complaint> {
    let mut child = spawn(call).map_err(|error| (Trouble::NotStarted, format!("can't be run: {error}")))?;
    let group = Pid::from_child(&child);
    {
        let mut running = lock(running);
        if *running == Running::Ended {
            kill(group);
        } else {
            *running = Running::Group(group);
        }
    }
    if let Some(mut stdin) = child.stdin.take() {
        // A program that doesn't read is free not to.
        let _ = stdin.write_all(call.stdin.as_bytes());
    }
    wait(&mut child, TIME_LIMIT, running)
}

fn spawn(call: &Call) -> std::io::Result<Child> {
    let mut command = Command::new(&call.program);
    command
        .args(&call.arguments)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(dir) = &call.dir {
        command.current_dir(dir);
    }
    command.spawn()
}

fn wait(child: &mut Child, limit: Duration, running: &Mutex<Running>) -> Result<(), Complaint> {
    let group = Pid::from_child(child);
    let give_up = Instant::now() + limit;
    let mut late = false;
    loop {
        if let Some(ended) = look(child, running) {
            let stopped = || (Trouble::Late, format!("was stopped after {} s", limit.as_secs()));
            return if late { Err(stopped()) } else { ended };
        }
        if !late && Instant::now() >= give_up {
            late = true;
            kill(group);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Whether it has ended, and how.
fn look(child: &mut Child, running: &Mutex<Running>) -> Option<Result<(), Complaint>> {
    let mut running = lock(running);
    let ended = match child.try_wait() {
        Ok(None) => return None,
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err((Trouble::Failed, format!("failed: {status}"))),
        Err(error) => Err((Trouble::Failed, format!("can't be waited for: {error}"))),
    };
    if *running != Running::Ended {
        *running = Running::Nothing;
    }
    Some(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Call {
        Call {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            dir: None,
            stdin: String::new(),
        }
    }

    #[test]
    fn a_program_that_hangs_is_stopped_with_all_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $!; wait"]);
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let running = Mutex::new(Running::Group(Pid::from_child(&child)));
        let stopped = wait(&mut child, Duration::from_millis(300), &running);
        assert_eq!(stopped.unwrap_err().1, "was stopped after 0 s");
        assert_eq!(*lock(&running), Running::Nothing);
        // The pipe ends only when nobody holds it any more.
        assert!(std::io::read_to_string(&mut out).is_ok());
    }

    #[test]
    fn what_still_waits_is_not_started_once_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let started = dir.path().join("started");
        let mut hook = Hook::start("it".to_owned(), 10);
        let script = format!("echo >> '{}'; sleep 1000", started.display());
        (0..5).for_each(|_| hook.send(shell(&script)));
        while !started.exists() {
            thread::sleep(Duration::from_millis(1));
        }
        drop(hook);
        thread::sleep(LOOK_EVERY * 10);
        assert_eq!(std::fs::read_to_string(&started).unwrap(), "\n");
    }

    #[test]
    fn what_finds_no_room_is_told_once_and_costs_nothing() {
        let mut hook = Hook::start("it".to_owned(), 2);
        (0..100).for_each(|_| hook.send(shell("sleep 1000")));
        let troubles: Vec<String> = hook.troubles().iter().map(Line::plain).collect();
        assert_eq!(
            troubles,
            ["it is too slow; some events were not given to it; said once"]
        );
        hook.send(shell("sleep 1000"));
        assert!(hook.troubles().is_empty());
    }
}
