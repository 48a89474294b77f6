//! What is measured: our programs, the Python original, or any other MCP server on the same tables.

use std::path::PathBuf;
use std::process::Command;

use super::program;
use crate::ci::original;
use crate::command::{self, Failed};

pub(super) enum Subject {
    Ours,
    Original {
        /// With its two files.
        folder: PathBuf,
        /// The interpreter itself: a wrapper would be measured too.
        python: String,
    },
    Other {
        command: String,
    },
}

impl Subject {
    pub(super) fn ours_and(peers: &[String]) -> Result<Vec<Subject>, Failed> {
        let peers = peers.iter().map(|peer| match peer.as_str() {
            "original" => Subject::original(),
            command => Ok(Subject::Other {
                command: command.to_owned(),
            }),
        });
        std::iter::once(Ok(Subject::Ours)).chain(peers).collect()
    }

    fn original() -> Result<Subject, Failed> {
        let folder = original::folder()?;
        let find = ["-c", "import sys; print(sys.executable)"];
        let python = command::read(Command::new("python3").args(find))?;
        Ok(Subject::Original {
            folder,
            python: python.trim().to_owned(),
        })
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Subject::Ours => "ours",
            Subject::Original { .. } => "original",
            Subject::Other { command } => command,
        }
    }

    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Subject::Ours)
    }

    /// Its MCP server.
    pub(super) fn server(&self) -> Result<Command, Failed> {
        match self {
            Subject::Ours => program::built("supervise-sidecar"),
            Subject::Original { folder, python } => {
                let mut server = interpreter(python)?;
                server.arg(folder.join("supervise_server.py"));
                Ok(server)
            }
            Subject::Other { command } => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("exec {command}")]);
                Ok(shell)
            }
        }
    }

    /// One of our Python programs that use the original's library, if this is the original.
    pub(super) fn script(&self, name: &str) -> Result<Option<Command>, Failed> {
        let Subject::Original { folder, python } = self else {
            return Ok(None);
        };
        let mut script = interpreter(python)?;
        script
            .env("PYTHONPATH", folder)
            .arg(format!("xtask/src/bench/python/{name}.py"));
        Ok(Some(script))
    }
}

/// Compiled once as usual, but not into somebody else's folder.
fn interpreter(python: &str) -> Result<Command, Failed> {
    let mut command = Command::new(python);
    command.env(
        "PYTHONPYCACHEPREFIX",
        program::release_folder()?.join("bench-python"),
    );
    Ok(command)
}
