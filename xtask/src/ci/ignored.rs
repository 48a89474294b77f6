//! Finds tests that nobody runs: ignored, and in none of the groups above.

use super::{
    Missing, Outcome, bindfs, conformance, long, mitmproxy, netns, original, postgres, python_mcp, shells,
    tampering, tmux, typescript_mcp,
};
use crate::command::{self, Failed, cargo};

const GROUPS: &[&str] = &[
    bindfs::FILTER,
    mitmproxy::FILTER,
    netns::FILTER,
    original::FILTER,
    postgres::FILTER,
    python_mcp::FILTER,
    shells::FILTER,
    tampering::FILTER,
    typescript_mcp::FILTER,
    conformance::FILTER,
    long::FILTER,
    tmux::FILTER,
];

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    let listed = command::read(cargo("test").args(["--workspace", "--locked", "--", "--ignored", "--list"]))?;
    let orphans: Vec<_> = orphans(&listed).collect();
    if orphans.is_empty() {
        return Ok(Outcome::Passed);
    }
    Err(Failed::new(format!(
        "ignored, and run by no step (their names need one of {}): {}",
        GROUPS.join(", "),
        orphans.join(", ")
    )))
}

fn orphans(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|name| !GROUPS.iter().any(|group| name.contains(group)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tests_outside_every_group_are_named() {
        let listed = "race::original_wins: test\nserve::python_mcp_lists: test\nslow::soak: test\n\n3 tests, 0 benchmarks\n";
        assert_eq!(orphans(listed).collect::<Vec<_>>(), ["slow::soak"]);
    }
}
