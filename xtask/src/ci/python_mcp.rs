//! The tests with the official Python MCP client, installed into the target folder.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Missing, Outcome};
use crate::command::{self, Failed};
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "python_mcp";

const VARIABLE: &str = "SUPERVISE_MCP_PYTHON";
const CLIENT: &str = "mcp==2.3.0";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    let folder = folder()?;
    let python = folder.join("bin/python");
    if !installed(&python) {
        command::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        )?;
        command::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", CLIENT]))?;
    }
    test::run_ignored(FILTER, VARIABLE, &python)?;
    Ok(Outcome::Passed)
}

/// `target/python-mcp`, wherever the target folder was put.
fn folder() -> Result<PathBuf, Failed> {
    let own =
        env::current_exe().map_err(|error| Failed::new(format!("finding the target folder: {error}")))?;
    own.ancestors()
        .nth(2)
        .map(|target| target.join("python-mcp"))
        .ok_or_else(|| Failed::new(format!("{} is in no target folder", own.display())))
}

/// A folder left half made, or made for another version, is made anew.
fn installed(python: &Path) -> bool {
    let asks = "import sys, importlib.metadata as m; sys.exit('mcp==' + m.version('mcp') != sys.argv[1])";
    python.is_file() && command::succeeds(Command::new(python).args(["-c", asks, CLIENT]))
}
