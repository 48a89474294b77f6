//! Some of core's unit tests under Miri, which knows undefined behaviour when it comes to it.

use super::{Missing, Outcome};
use crate::command::{self, Failed, cargo};

/// These modules' tests. Interpreted, those over many cases and those that compile the tools' schemas take longer than
/// anybody waits.
const MODULES: [&str; 5] = ["audit::", "digest::", "field::", "ids::", "response::"];

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    // Even where all steps are wanted: a machine's nightly compiler is nobody's to install.
    if !command::succeeds(cargo("+nightly").args(["miri", "--version"])) {
        return Ok(Outcome::Skipped("no nightly compiler with Miri"));
    }
    let mut test = cargo("+nightly");
    test.args(["miri", "test", "--locked", "--quiet"])
        .args(["--package", "supervise-core", "--lib"])
        .args(["--target-dir", "target/miri", "--"])
        .args(MODULES)
        // Proptest looks for the folder it keeps its cases in, which Miri's machine doesn't have.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation");
    command::run(&mut test)?;
    Ok(Outcome::Passed)
}
