//! What is measured: our programs, the Python original, or any other MCP server on the same tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{self, trouble};
use crate::ci::original;
use crate::command::{self, Failed};

pub(super) enum Subject {
    Ours,
    Original {
        /// With a copy of its files.
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
        let folder = copy(&original::folder()?)?;
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
                let mut server = interpreter(python);
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

    /// One of our Python programs that use the original's library.
    pub(super) fn script(&self, name: &str) -> Result<Command, Failed> {
        let Subject::Original { folder, python } = self else {
            return Err(Failed::new(format!("{} is no Python library", self.name())));
        };
        let mut script = interpreter(python);
        script
            .env("PYTHONPATH", folder)
            .arg(format!("xtask/src/bench/python/{name}.py"));
        Ok(script)
    }
}

/// A copy in the target folder: Python keeps what it compiled beside its source, and what it had to compile
/// anew each time would be measured too.
fn copy(original: &Path) -> Result<PathBuf, Failed> {
    let folder = program::release_folder()?.join("bench-original");
    let copy_all = || {
        fs::create_dir_all(&folder)?;
        original::PROGRAMS.iter().try_for_each(|name| {
            // The source may be read-only, which a copy would inherit and keep from being replaced.
            fs::write(folder.join(name), fs::read(original.join(name))?)
        })
    };
    copy_all().map_err(trouble("copying the original"))?;
    Ok(folder)
}

fn interpreter(python: &str) -> Command {
    let mut command = Command::new(python);
    command.env_remove("PYTHONDONTWRITEBYTECODE");
    command
}
