//! The tests against the Python program that this one replaces.

use std::env;
use std::path::{Path, PathBuf};

use super::{Missing, Outcome};
use crate::command::Failed;
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "original";

const VARIABLE: &str = "SUPERVISE_ORIGINAL";
pub(crate) const PROGRAMS: [&str; 2] = ["supervise.py", "supervise_server.py"];

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    test::run_ignored(FILTER, VARIABLE, &folder()?)?;
    Ok(Outcome::Passed)
}

/// Whether somebody wants the Python program to take part.
pub(crate) fn is_named() -> bool {
    env::var_os(VARIABLE).is_some_and(|value| !value.is_empty())
}

/// The folder with the Python program.
pub(crate) fn folder() -> Result<PathBuf, Failed> {
    let folder = env::var_os(VARIABLE)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| {
            Failed::new(format!(
                "{VARIABLE} must name the folder with {}",
                PROGRAMS.join(" and ")
            ))
        })?;
    complete(Path::new(&folder))
}

/// The tests run in other folders, so the path is made absolute.
fn complete(folder: &Path) -> Result<PathBuf, Failed> {
    for program in PROGRAMS {
        let file = folder.join(program);
        if !file.is_file() {
            return Err(Failed::new(format!("{VARIABLE}: no file {}", file.display())));
        }
    }
    folder
        .canonicalize()
        .map_err(|error| Failed::new(format!("{VARIABLE}: {}: {error}", folder.display())))
}
