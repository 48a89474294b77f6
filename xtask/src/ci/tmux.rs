//! The tests at a terminal with a shell in it.

use std::path::Path;

use super::{Missing, Outcome};
use crate::command::Failed;
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "tmux";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    test::run_ignored(FILTER, "SUPERVISE_TMUX", Path::new("tmux"))?;
    Ok(Outcome::Passed)
}
