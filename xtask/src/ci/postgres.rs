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
    test::run_ignored(FILTER, "SUPERVISE_POSTGRES", &programs()?)?;
    Ok(Outcome::Passed)
}

/// The newest version's.
pub(crate) fn programs() -> Result<PathBuf, Failed> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let programs = versions.map(|version| version.path().join("bin"));
    programs
        .filter(|programs| programs.join("postgres").exists())
        .max()
        .ok_or_else(|| Failed::new(format!("{VERSIONS} has no server; install Debian's postgresql")))
}
