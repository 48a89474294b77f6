//! The tests with the official Python MCP client.

use super::{Missing, Outcome, packages};
use crate::command::Failed;
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "python_mcp";

const VARIABLE: &str = "SUPERVISE_MCP_PYTHON";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    test::run_ignored(FILTER, VARIABLE, &packages::python()?)?;
    Ok(Outcome::Passed)
}
