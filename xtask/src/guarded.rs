//! A process that never outlives this one's interest in it.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::command::{Failed, shell_line};

/// Longer than any server here takes to answer what it holds.
const STOP_TIME_LIMIT: Duration = Duration::from_secs(15);

/// A child that is killed when it is dropped.
pub(crate) struct Guarded(pub(crate) Child);

impl Guarded {
    pub(crate) fn spawn(command: &mut Command) -> Result<Guarded, Failed> {
        let child = command.spawn();
        let failed = |error| Failed::new(format!("{}: {error}", shell_line(command)));
        child.map(Guarded).map_err(failed)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Asks the process to end, and waits for it a while.
    pub(crate) fn stop(&mut self) {
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
