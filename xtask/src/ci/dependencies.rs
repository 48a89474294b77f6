//! Holds `docs/dependencies.md` to what the sidecar is built from: each crate has its row, and each row its crate.

use std::collections::BTreeSet;
use std::fs;

use super::{Missing, Outcome};
use crate::command::{self, Failed, cargo};

const PAGE: &str = "docs/dependencies.md";
/// What the sidecar is built for.
const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
];

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    let page = fs::read_to_string(PAGE).map_err(|error| Failed::new(format!("{PAGE}: {error}")))?;
    let tree = command::read(&mut tree())?;
    match difference(&built_from(&tree), &named(&page)) {
        None => Ok(Outcome::Passed),
        Some(what) => Err(Failed::new(format!("{PAGE}: {what}"))),
    }
}

fn tree() -> std::process::Command {
    let mut tree = cargo("tree");
    tree.args([
        "--locked",
        "--package",
        "supervise-sidecar",
        "--edges",
        "normal,build",
    ]);
    tree.args(["--prefix", "none", "--format", "{p}"]);
    tree.args(TARGETS.iter().flat_map(|target| ["--target", target]));
    tree
}

/// The crates of the tree that aren't ours.
fn built_from(tree: &str) -> BTreeSet<&str> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| !name.starts_with("supervise-")).collect()
}

/// The crates that begin a row of the page.
fn named(page: &str) -> BTreeSet<&str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `"));
    cells
        .filter_map(|cell| cell.split_once('`'))
        .map(|(name, _)| name)
        .collect()
}

fn difference(built_from: &BTreeSet<&str>, named: &BTreeSet<&str>) -> Option<String> {
    let list = |one: &BTreeSet<&str>, other| {
        let only: Vec<&str> = one.difference(other).copied().collect();
        (!only.is_empty()).then(|| only.join(", "))
    };
    let unnamed = list(built_from, named).map(|crates| {
        format!("the sidecar has {crates}: look at the source, then say why it is there and who keeps it")
    });
    let gone = || list(named, built_from).map(|crates| format!("the sidecar no longer has {crates}"));
    unnamed.or_else(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str =
        "supervise-sidecar v0.1.0 (/src)\nserde v1.0.229\nsyn v2.0.119\nsyn v3.0.9\nserde v1.0.229 (*)\n";

    #[test]
    fn a_crate_that_is_missing_on_either_side_is_named() {
        let page = |rows: &str| format!("# Page with `words`\n\n| crate | why |\n|---|---|\n{rows}");
        let compare = |rows: &str| difference(&built_from(TREE), &named(&page(rows)));
        assert_eq!(compare("| `serde` | x |\n| `syn` | x |\n"), None);
        let unnamed = compare("| `serde` | beside `syn` |\n").expect("syn has no row");
        assert!(unnamed.contains("has syn:"), "{unnamed}");
        let gone = compare("| `serde` | x |\n| `syn` | x |\n| `left-pad` | x |\n").expect("no such crate");
        assert!(gone.contains("no longer has left-pad"), "{gone}");
    }
}
