//! The list of steps. A new one is a line here.

use super::{
    Missing, Outcome, Step, arrows, bindfs, conformance, dependencies, deploy, fuzz, ignored, long, miri,
    mitmproxy, netns, original, postgres, python_mcp, sanitizers, shells, tampering, tmux, torture,
    typescript_mcp,
};
use crate::command::{self, Failed, cargo, say};
use crate::{abuse, integration, test};

/// What a machine with Rust alone can run, cheapest first.
pub(super) const RUST_ONLY: &[Step] = &[
    Step {
        name: "fmt",
        run: fmt,
    },
    Step {
        name: "clippy",
        run: clippy,
    },
    Step {
        name: "docs",
        run: docs,
    },
    Step {
        name: "deny",
        run: deny,
    },
    Step {
        name: "arrows",
        run: arrows::check,
    },
    Step {
        name: "dependencies",
        run: dependencies::check,
    },
    Step {
        name: "test",
        run: rust_tests,
    },
];

/// What needs Debian, PyPI or npm packages as well, or minutes.
pub(super) const WITH_PACKAGES: &[Step] = &[
    Step {
        name: "original",
        run: original::check,
    },
    Step {
        name: "python-mcp",
        run: python_mcp::check,
    },
    Step {
        name: "typescript-mcp",
        run: typescript_mcp::check,
    },
    Step {
        name: "conformance",
        run: conformance::check,
    },
    Step {
        name: "bindfs",
        run: bindfs::check,
    },
    Step {
        name: "postgres",
        run: postgres::check,
    },
    Step {
        name: "netns",
        run: netns::check,
    },
    Step {
        name: "tampering",
        run: tampering::check,
    },
    Step {
        name: "long",
        run: long::check,
    },
    Step {
        name: "abuse",
        run: short_abuse,
    },
    Step {
        name: "mitmproxy",
        run: mitmproxy::check,
    },
    Step {
        name: "shells",
        run: shells::check,
    },
    Step {
        name: "tmux",
        run: tmux::check,
    },
    Step {
        name: "fuzz",
        run: fuzz::check,
    },
    Step {
        name: "miri",
        run: miri::check,
    },
    Step {
        name: "sanitizers",
        run: sanitizers::check,
    },
    Step {
        name: "deploy",
        run: deploy::check,
    },
    Step {
        name: "torture",
        run: torture::check,
    },
    Step {
        name: "integration",
        run: integration_with_containers,
    },
    Step {
        name: "ignored",
        run: ignored::check,
    },
];

pub(super) fn names() -> Vec<&'static str> {
    RUST_ONLY
        .iter()
        .chain(WITH_PACKAGES)
        .map(|step| step.name)
        .collect()
}

fn fmt(_: Missing) -> Result<Outcome, Failed> {
    command::run(cargo("fmt").args(["--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn clippy(_: Missing) -> Result<Outcome, Failed> {
    command::run(cargo("clippy").args(["--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    Ok(Outcome::Passed)
}

fn docs(_: Missing) -> Result<Outcome, Failed> {
    let mut doc = cargo("doc");
    doc.args(["--workspace", "--no-deps", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings");
    command::run(&mut doc)?;
    Ok(Outcome::Passed)
}

fn deny(missing: Missing) -> Result<Outcome, Failed> {
    if missing == Missing::Skips && !command::succeeds(cargo("deny").arg("--version")) {
        return Ok(Outcome::Skipped(
            "cargo-deny is not installed (cargo install --locked cargo-deny)",
        ));
    }
    command::run(cargo("deny").args(["check", "bans", "licenses", "sources"]))?;
    advisories()?;
    Ok(Outcome::Passed)
}

fn integration_with_containers(_: Missing) -> Result<Outcome, Failed> {
    integration::run(&integration::Args::default())?;
    Ok(Outcome::Passed)
}

/// Known faults of what is built in, where the list of them can be had: without a network there is nothing to compare.
fn advisories() -> Result<(), Failed> {
    if !command::succeeds(cargo("deny").args(["fetch", "db"])) {
        say("no advisories checked: their database can't be fetched here (cargo deny fetch db)");
        return Ok(());
    }
    command::run(cargo("deny").args(["check", "advisories"]))
}

fn rust_tests(_: Missing) -> Result<Outcome, Failed> {
    test::run()?;
    Ok(Outcome::Passed)
}

fn short_abuse(_: Missing) -> Result<Outcome, Failed> {
    abuse::run_short()?;
    Ok(Outcome::Passed)
}
