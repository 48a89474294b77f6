//! The tests of completion in shells that need not be there: zsh and fish.

use super::{Missing, Outcome};
use crate::command::Failed;
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "shells";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    test::run_slow(FILTER)?;
    Ok(Outcome::Passed)
}
