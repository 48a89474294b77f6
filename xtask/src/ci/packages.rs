//! The folders in the target folder where packages from PyPI and npm are installed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Failed};

const PYTHON_CLIENT: &str = "mcp==2.3.0";
const NODE_FILES: &str = "crates/supervise-sidecar/tests/node";
const LOCK: &str = "package-lock.json";

/// A Python interpreter that has the official client.
pub(super) fn python() -> Result<PathBuf, Failed> {
    let folder = folder("python-mcp")?;
    let python = folder.join("bin/python");
    if !has_client(&python) {
        command::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        )?;
        command::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", PYTHON_CLIENT]))?;
    }
    Ok(python)
}

/// A folder whose `node_modules` has Node, the official TypeScript clients and the conformance suite.
pub(super) fn node() -> Result<PathBuf, Failed> {
    let folder = folder("node-mcp")?;
    let files = Path::new(NODE_FILES);
    let lock = fs::read(files.join(LOCK)).map_err(trouble(&files.join(LOCK)))?;
    // Written last, so a folder left half made is made anew.
    let done = folder.join("installed");
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).map_err(trouble(&folder))?;
    for file in ["package.json", LOCK] {
        fs::copy(files.join(file), folder.join(file)).map_err(trouble(&files.join(file)))?;
    }
    command::run(
        Command::new("npm")
            .args(["ci", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder),
    )?;
    fs::write(&done, lock).map_err(trouble(&done))?;
    Ok(folder)
}

fn trouble(path: &Path) -> impl FnOnce(std::io::Error) -> Failed {
    let path = path.display().to_string();
    move |error| Failed::new(format!("{path}: {error}"))
}

/// A folder of that name, wherever the target folder was put.
fn folder(name: &str) -> Result<PathBuf, Failed> {
    let own =
        env::current_exe().map_err(|error| Failed::new(format!("finding the target folder: {error}")))?;
    own.ancestors()
        .nth(2)
        .map(|target| target.join(name))
        .ok_or_else(|| Failed::new(format!("{} is in no target folder", own.display())))
}

/// A folder left half made, or made for another version, is made anew.
fn has_client(python: &Path) -> bool {
    let asks = "import sys, importlib.metadata as m; sys.exit('mcp==' + m.version('mcp') != sys.argv[1])";
    python.is_file() && command::succeeds(Command::new(python).args(["-c", asks, PYTHON_CLIENT]))
}
