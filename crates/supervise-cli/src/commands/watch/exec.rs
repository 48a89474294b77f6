//! `--exec`: a program that gets every event on its stdin.

use std::path::PathBuf;

use crate::error::CliError;
use crate::hook::{Call, Hook};
use crate::ui::Line;

/// Events that wait for a slow program; more are not run for.
const MAX_WAITING: usize = 1_000;

/// The operator's program.
#[derive(Debug)]
pub(super) struct Exec {
    program: PathBuf,
    hook: Hook,
}

impl Exec {
    pub(super) fn start(program: PathBuf) -> Result<Exec, CliError> {
        // A path: a bare name is a file here, not one to be looked for in PATH.
        let program = std::path::absolute(program)
            .map_err(|source| CliError::usage("the program of --exec is no path").because(source))?;
        let name = program.to_string_lossy().into_owned();
        Ok(Exec {
            program,
            hook: Hook::start(name, MAX_WAITING),
        })
    }

    /// Has it run for an event, in its turn. An event is smaller than a pipe.
    pub(super) fn send(&mut self, event: String) {
        self.hook.send(Call {
            program: self.program.clone(),
            arguments: Vec::new(),
            dir: None,
            stdin: event + "\n",
        });
    }

    /// What went wrong since, each kind of thing once.
    pub(super) fn troubles(&mut self) -> Vec<Line> {
        self.hook.troubles()
    }
}
