//! The folders in the target folder where packages from PyPI and npm are installed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Failed};

const PYTHON_CLIENT: &str = "mcp==2.3.0";
/// The last that runs on the Python 3.11 of Debian 12.
const PROXY: &str = "mitmproxy==11.0.2";
const NODE_FILES: &str = "crates/supervise-sidecar/tests/node";
const LOCK: &str = "package-lock.json";

/// A Python interpreter that has the official client.
pub(super) fn python() -> Result<PathBuf, Failed> {
    Ok(venv("python-mcp", PYTHON_CLIENT)?.join("python"))
}

/// The egress proxy's program.
pub(super) fn mitmdump() -> Result<PathBuf, Failed> {
    Ok(venv("mitmproxy", PROXY)?.join("mitmdump"))
}

/// The programs of a folder that has one Python package, and what it needs.
fn venv(name: &str, package: &str) -> Result<PathBuf, Failed> {
    let folder = folder(name)?;
    let programs = folder.join("bin");
    let python = programs.join("python");
    if !has_package(&python, package) {
        command::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        )?;
        command::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", package]))?;
    }
    Ok(programs)
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
fn has_package(python: &Path, package: &str) -> bool {
    let asks = "import sys, importlib.metadata as m; name = sys.argv[1].split('==')[0]; \
                sys.exit(name + '==' + m.version(name) != sys.argv[1])";
    python.is_file() && command::succeeds(Command::new(python).args(["-c", asks, package]))
}
