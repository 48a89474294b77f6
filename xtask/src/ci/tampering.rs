//! The tests that tamper with a long audit log. They need nothing but time.

use super::{Missing, Outcome};
use crate::command::Failed;
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "ten_thousand";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    test::run_slow(FILTER)?;
    Ok(Outcome::Passed)
}
