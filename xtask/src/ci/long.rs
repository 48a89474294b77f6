//! The tests that take minutes: a kill at every step of a decision, races at full length, real time limits.

use std::path::Path;
use std::process::Command;

use super::{Missing, Outcome};
use crate::command::{self, Failed};
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "long_";

const VARIABLE: &str = "SUPERVISE_STRACE";
const STRACE: &str = "/usr/bin/strace";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    if !command::succeeds(Command::new(STRACE).arg("--version")) {
        return Err(Failed::new(format!(
            "{STRACE} is not there; it kills at a chosen system call"
        )));
    }
    test::run_ignored(FILTER, VARIABLE, Path::new(STRACE))?;
    Ok(Outcome::Passed)
}
