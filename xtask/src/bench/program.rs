//! Where the programs are, and room for their files.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::command::Failed;

/// A program that was just built.
pub(super) fn built(name: &str) -> Result<Command, Failed> {
    Ok(Command::new(release_folder()?.join(name)))
}

/// A folder that goes with the value. It lies beside the programs: /tmp may be memory, where a commit
/// costs nothing.
pub(super) fn scratch() -> Result<TempDir, Failed> {
    tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(release_folder()?)
        .map_err(|error| Failed::new(format!("making a folder for the benchmark: {error}")))
}

/// Wherever the target folder was put, this program lies in it.
pub(super) fn release_folder() -> Result<PathBuf, Failed> {
    let own =
        env::current_exe().map_err(|error| Failed::new(format!("finding the target folder: {error}")))?;
    let target = own.ancestors().nth(2);
    let target = target.ok_or_else(|| Failed::new(format!("{} lies in no target folder", own.display())))?;
    Ok(target.join("release"))
}

/// Turns an I/O error into a failure that says what was being done.
pub(super) fn trouble(doing: &str) -> impl Fn(std::io::Error) -> Failed {
    move |error| Failed::new(format!("{doing}: {error}"))
}
