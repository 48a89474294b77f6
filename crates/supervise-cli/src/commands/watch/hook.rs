//! The operator's own program, run for each event on a thread that nothing waits for.

use std::collections::HashSet;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use supervise_core::SafeLine;

use crate::error::CliError;
use crate::ui::{Line, line};

const TIME_LIMIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Events that wait for a slow program; more are not run for.
const MAX_WAITING: usize = 1_000;

/// The program that runs now, so that it ends with us.
type Running = Arc<Mutex<Option<Pid>>>;

/// Runs a program for one event after the other.
#[derive(Debug)]
pub(super) struct Hook {
    program: PathBuf,
    events: SyncSender<String>,
    troubles: Receiver<String>,
    told: HashSet<String>,
    running: Running,
    overflow: bool,
}

impl Hook {
    pub(super) fn start(program: PathBuf) -> Result<Hook, CliError> {
        // A path: a bare name is a file here, not one to be looked for in PATH.
        let program = std::path::absolute(program)
            .map_err(|source| CliError::usage("the program of --exec is no path").because(source))?;
        let (events, waiting) = sync_channel(MAX_WAITING);
        let (complain, troubles) = channel();
        let running = Running::default();
        let (path, slot) = (program.clone(), Arc::clone(&running));
        thread::spawn(move || run_all(&path, &waiting, &complain, &slot));
        Ok(Hook {
            program,
            events,
            troubles,
            told: HashSet::new(),
            running,
            overflow: false,
        })
    }

    /// Has it run for an event, in its turn.
    pub(super) fn send(&mut self, event: String) {
        self.overflow |= self.events.try_send(event).is_err();
    }

    /// What went wrong since, each thing once.
    pub(super) fn troubles(&mut self) -> Vec<Line> {
        let mut troubles: Vec<String> = self.troubles.try_iter().collect();
        if self.overflow {
            troubles.push("is too slow; some events were not given to it".to_owned());
        }
        troubles.retain(|trouble| self.told.insert(trouble.clone()));
        let name = SafeLine::new(&self.program.to_string_lossy());
        let line = |trouble: &String| line![&name, " ", SafeLine::new(trouble), "; said once"];
        troubles.iter().map(line).collect()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        stop(*self.running.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn run_all(program: &Path, events: &Receiver<String>, complain: &Sender<String>, running: &Running) {
    for event in events {
        if let Err(trouble) = run(program, &event, running) {
            // Whoever would have told it may have ended by now.
            let _ = complain.send(trouble);
        }
    }
}

fn run(program: &Path, event: &str, running: &Running) -> Result<(), String> {
    let mut child = Command::new(program)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("can't be run: {error}"))?;
    let set = |pid| *running.lock().unwrap_or_else(PoisonError::into_inner) = pid;
    set(Some(Pid::from_child(&child)));
    if let Some(mut stdin) = child.stdin.take() {
        // An event is smaller than a pipe, so this never waits; a program that doesn't read is free not to.
        let _ = stdin.write_all(format!("{event}\n").as_bytes());
    }
    let ended = wait(&mut child, TIME_LIMIT);
    set(None);
    ended
}

fn wait(child: &mut Child, limit: Duration) -> Result<(), String> {
    let give_up = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("failed: {status}")),
            Ok(None) if Instant::now() < give_up => thread::sleep(LOOK_EVERY),
            Ok(None) => {
                stop(Some(Pid::from_child(child)));
                let _ = child.wait();
                return Err(format!("was stopped after {} s", limit.as_secs()));
            }
            Err(error) => return Err(format!("can't be waited for: {error}")),
        }
    }
}

/// Ends the program and what it started.
fn stop(group: Option<Pid>) {
    if let Some(group) = group {
        // It may have ended by itself just now.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_stopped_with_all_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $!; wait"]);
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let stopped = wait(&mut child, Duration::from_millis(300));
        assert_eq!(stopped.unwrap_err(), "was stopped after 0 s");
        // The pipe ends only when nobody holds it any more.
        assert!(std::io::read_to_string(&mut out).is_ok());
    }
}
