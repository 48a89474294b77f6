//! The tests with the official TypeScript MCP clients.

use super::{Missing, Outcome, packages};
use crate::command::Failed;
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "typescript_mcp";

const VARIABLE: &str = "SUPERVISE_MCP_NODE";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    test::run_ignored(FILTER, VARIABLE, &packages::node()?)?;
    Ok(Outcome::Passed)
}
