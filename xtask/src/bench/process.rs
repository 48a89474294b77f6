//! A process that is spoken to line by line and never outlives the benchmark.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::program::trouble;
use crate::command::{Failed, shell_line};

/// Longer than any server here takes to answer what it holds.
const STOP_TIME_LIMIT: Duration = Duration::from_secs(15);

/// A child that is killed when it is dropped.
pub(super) struct Guarded(Child);

impl Guarded {
    pub(super) fn spawn(command: &mut Command) -> Result<Guarded, Failed> {
        let child = command.spawn().map_err(trouble(&shell_line(command)))?;
        Ok(Guarded(child))
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn exited(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Asks the process to end, and waits for it a while.
    pub(super) fn stop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let give_up = Instant::now() + STOP_TIME_LIMIT;
        while self.exited().is_none() && Instant::now() < give_up {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that answers lines with lines.
pub(super) struct Dialogue {
    name: String,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _child: Guarded,
}

impl Dialogue {
    pub(super) fn start(command: &mut Command) -> Result<Dialogue, Failed> {
        let name = shell_line(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Guarded::spawn(command)?;
        let pipes = child.0.stdin.take().zip(child.0.stdout.take());
        let (input, output) = pipes.ok_or_else(|| Failed::new(format!("{name}: no pipes")))?;
        Ok(Dialogue {
            name,
            input,
            output: BufReader::new(output),
            _child: child,
        })
    }

    pub(super) fn say(&mut self, line: &str) -> Result<(), Failed> {
        writeln!(self.input, "{line}").map_err(trouble(&self.name))
    }

    /// The next line. Every process here bounds its own time, so this ends.
    pub(super) fn hear(&mut self) -> Result<String, Failed> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err(Failed::new(format!("ended early: {}", self.name))),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(trouble(&self.name)(error)),
        }
    }

    pub(super) fn ask(&mut self, line: &str) -> Result<String, Failed> {
        self.say(line)?;
        self.hear()
    }
}
