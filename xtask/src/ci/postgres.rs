//! The tests against PostgreSQL's own server. Each starts a temporary cluster, as no other test's neighbour.

use std::fs;
use std::path::PathBuf;

use super::{Missing, Outcome};
use crate::command::Failed;
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "postgres_";

/// Debian keeps the server's programs by version, and outside of PATH.
const VERSIONS: &str = "/usr/lib/postgresql";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    let missing = || Failed::new(format!("{VERSIONS} has no server; install Debian's postgresql"));
    let programs = programs().ok_or_else(missing)?;
    test::run_ignored(FILTER, "SUPERVISE_POSTGRES", &programs)?;
    Ok(Outcome::Passed)
}

/// The newest version's.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.flatten();
    let programs = versions.map(|version| version.path().join("bin"));
    programs
        .filter(|programs| programs.join("postgres").exists())
        .max()
}
