//! The tests with a real egress proxy: mitmproxy with the addon of `examples/mitmproxy`.

use super::{Missing, Outcome, packages};
use crate::command::Failed;
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "mitmproxy";

const VARIABLE: &str = "SUPERVISE_MITMPROXY";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    test::run_ignored(FILTER, VARIABLE, &packages::mitmdump()?)?;
    Ok(Outcome::Passed)
}
