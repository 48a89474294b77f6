//! The tests of bottles and operators on hosts of their own, which are network namespaces here.

use std::process::Command;

use super::{Missing, Outcome};
use crate::command::{Failed, succeeds};
use crate::test;

/// In the name of every such test.
pub(super) const FILTER: &str = "netns_";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    if !succeeds(Command::new("ip").arg("-V")) {
        return Err(Failed::new(
            "ip is not installed; it comes with Debian's iproute2",
        ));
    }
    // Who may make one is the machine's affair.
    let name = format!("supervise-{}", std::process::id());
    if !succeeds(Command::new("ip").args(["netns", "add", &name])) {
        return Ok(Outcome::Skipped(
            "this machine doesn't let network namespaces be made (root)",
        ));
    }
    succeeds(Command::new("ip").args(["netns", "del", &name]));
    test::run_slow(FILTER)?;
    Ok(Outcome::Passed)
}
