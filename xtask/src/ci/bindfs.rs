//! The tests of a bottle that sees its queue through a FUSE mount, as one in a virtual machine does through virtiofs.

use std::process::Command;

use super::{Missing, Outcome};
use crate::command::{Failed, succeeds};
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "bindfs_";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    if !succeeds(Command::new("bindfs").arg("--version")) {
        return Err(Failed::new("bindfs is not installed"));
    }
    // What may be mounted is the machine's affair.
    let (from, to) = (folder()?, folder()?);
    if !succeeds(Command::new("bindfs").args([from.path(), to.path()])) {
        return Ok(Outcome::Skipped(
            "this machine doesn't let bindfs mount (/dev/fuse)",
        ));
    }
    succeeds(Command::new("fusermount").arg("-uz").arg(to.path()));
    test::run_slow(FILTER)?;
    Ok(Outcome::Passed)
}

fn folder() -> Result<tempfile::TempDir, Failed> {
    tempfile::tempdir().map_err(|error| Failed::new(format!("making a folder: {error}")))
}
