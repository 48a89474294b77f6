//! Holds the crates to their order: core, then store, then the two programs, which never meet.

use super::{Missing, Outcome};
use crate::command::{self, Failed, cargo};

/// What a crate must not reach over the given kinds of dependency.
struct Arrow {
    from: &'static str,
    edges: &'static str,
    never: &'static [&'static str],
}

const ARROWS: &[Arrow] = &[
    // Other crates import core; none of them should pay for a runtime or a database.
    Arrow {
        from: "supervise-core",
        edges: "normal",
        never: &["tokio", "sqlx", "sqlx-core"],
    },
    // What only the operator's program needs must not stand next to an agent.
    Arrow {
        from: "supervise-sidecar",
        edges: "normal",
        never: &["granit-parser", "psl", "clap", "toml"],
    },
    // Each program starts the other as a process in its tests, the way a user does.
    Arrow {
        from: "supervise-sidecar",
        edges: "normal,build,dev",
        never: &["supervise-cli"],
    },
    Arrow {
        from: "supervise-cli",
        edges: "normal,build,dev",
        never: &["supervise-sidecar"],
    },
    // The chores have to build while the crates don't.
    Arrow {
        from: "xtask",
        edges: "normal,build,dev",
        never: &[
            "supervise-core",
            "supervise-store",
            "supervise-sidecar",
            "supervise-cli",
        ],
    },
];

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    ARROWS.iter().try_for_each(keep)?;
    Ok(Outcome::Passed)
}

fn keep(arrow: &Arrow) -> Result<(), Failed> {
    let mut tree = cargo("tree");
    tree.args(["--locked", "--package", arrow.from, "--edges", arrow.edges]);
    // Nothing may hide behind another platform.
    tree.args(["--target", "all", "--prefix", "none", "--format", "{p}"]);
    match trespasser(&command::read(&mut tree)?, arrow.never) {
        None => Ok(()),
        Some(name) => Err(Failed::new(format!(
            "{from} must not depend on {name}; see: cargo tree --package {from} --edges {edges} --invert {name}",
            from = arrow.from,
            edges = arrow.edges,
        ))),
    }
}

fn trespasser<'a>(tree: &'a str, never: &[&str]) -> Option<&'a str> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .find(|name| never.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str =
        "supervise-core v0.1.0 (/src/crates/supervise-core)\nserde v1.0.229\ntokio-macros v2.7.2 (*)\n";

    #[test]
    fn names_are_compared_whole() {
        assert_eq!(trespasser(TREE, &["tokio", "core"]), None);
        assert_eq!(trespasser(TREE, &["sqlx", "serde"]), Some("serde"));
    }
}
