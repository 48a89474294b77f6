//! Faults of the disk, the machine and the neighbours, each inflicted on a running bottle, looked at, and lifted.
//!
//! While it lasts, every program says what is wrong or does its work, and nothing in between. Afterwards
//! everything works again by itself, and what was acknowledged meanwhile is there.

mod afterwards;
mod expected;
mod files;
mod machine;
mod meanwhile;
mod scene;
mod volume;

use std::process::Command;

use clap::builder::PossibleValuesParser;
use rustix::process::geteuid;

use self::expected::Expected;
use self::scene::Scene;
use super::ledger::Ledger;
use super::random::{Random, fresh_seed};
use super::verdict;
use super::world::own_program;
use crate::command::{Failed, run as run_command, say};

/// Takes the fault away.
type Lift = Box<dyn FnOnce(&Scene) -> Result<(), Failed>>;

struct Fault {
    name: &'static str,
    inflict: fn(&Scene, &mut Random) -> Result<Lift, Failed>,
    expected: Expected,
    leaves: Leaves,
}

/// What becomes of proposals that were acknowledged before, or while the fault lasted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// They are there.
    All,
    /// Lifting it puts an older file in the place of the one that has them.
    OlderFile,
    /// They are gone, and none may have been acknowledged meanwhile.
    Nothing,
}

const FAULTS: &[Fault] = &[
    fault("disk-full", volume::fill, expected::FULL, Leaves::All),
    fault("read-only", volume::read_only, expected::READ_ONLY, Leaves::All),
    fault(
        "write-error",
        machine::write_error,
        expected::NOT_WRITTEN,
        Leaves::All,
    ),
    fault(
        "sync-error",
        machine::sync_error,
        expected::NOT_WRITTEN,
        Leaves::All,
    ),
    fault("read-error", machine::read_error, expected::NOT_READ, Leaves::All),
    fault(
        "no-descriptors",
        machine::no_descriptors,
        expected::NO_DESCRIPTORS,
        Leaves::All,
    ),
    fault("no-inotify", machine::no_inotify, expected::WORKS, Leaves::All),
    fault(
        "directory-moved",
        files::directory_moved,
        expected::MISSING,
        Leaves::All,
    ),
    fault(
        "directory-removed",
        files::directory_removed,
        expected::MISSING,
        Leaves::Nothing,
    ),
    fault("replaced", files::replaced, expected::REPLACED, Leaves::OlderFile),
    fault(
        "truncated",
        files::truncated,
        expected::DAMAGED,
        Leaves::OlderFile,
    ),
    fault(
        "corrupted",
        files::corrupted,
        expected::DAMAGED,
        Leaves::OlderFile,
    ),
    fault(
        "foreign-shape",
        files::foreign_shape,
        expected::REFUSED,
        Leaves::OlderFile,
    ),
    fault("view", files::view, expected::REFUSED, Leaves::OlderFile),
    fault("symlink", files::symlink, expected::REFUSED, Leaves::All),
    fault("hard-link", files::hard_link, expected::REFUSED, Leaves::All),
    fault("fifo", files::fifo, expected::REFUSED, Leaves::All),
    fault(
        "planted-journal",
        files::planted_journal,
        expected::REFUSED,
        Leaves::All,
    ),
    fault(
        "host-truncated",
        files::host_truncated,
        expected::HOST_DAMAGED,
        Leaves::OlderFile,
    ),
    fault(
        "host-corrupted",
        files::host_corrupted,
        expected::HOST_DAMAGED,
        Leaves::OlderFile,
    ),
];

const fn fault(
    name: &'static str,
    inflict: fn(&Scene, &mut Random) -> Result<Lift, Failed>,
    expected: Expected,
    leaves: Leaves,
) -> Fault {
    Fault {
        name,
        inflict,
        expected,
        leaves,
    }
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each is inflicted, at other moments and places each time
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed
    #[arg(long)]
    seed: Option<u64>,
    /// Only these
    #[arg(value_parser = PossibleValuesParser::new(FAULTS.iter().map(|fault| fault.name)))]
    only: Vec<String>,
}

impl Args {
    pub(super) fn short() -> Self {
        Args {
            seeds: 1,
            seed: None,
            only: Vec::new(),
        }
    }
}

/// Mounting takes root, so somebody else does it again as root.
pub(super) fn run(args: &Args) -> Result<(), Failed> {
    if geteuid().is_root() {
        return run_as_root(args);
    }
    let own = own_program();
    let mut sudo = Command::new("sudo");
    sudo.args(["--non-interactive", "--preserve-env"]).arg(own);
    sudo.args(["torture", "faults-as-root", "--seeds", &args.seeds.to_string()]);
    if let Some(seed) = args.seed {
        sudo.args(["--seed", &seed.to_string()]);
    }
    run_command(sudo.args(&args.only))
}

pub(super) fn run_as_root(args: &Args) -> Result<(), Failed> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let ledger = Ledger::default();
    let chosen = |fault: &&Fault| args.only.is_empty() || args.only.iter().any(|name| name == fault.name);
    let mut tried = 0;
    for fault in FAULTS.iter().filter(chosen) {
        for seed in seed..seed + args.seeds {
            try_one(fault, &ledger, seed)?;
            tried += 1;
        }
    }
    say(&format!("faults: {tried} inflicted and lifted"));
    verdict("faults", seed, &ledger.findings())
}

fn try_one(fault: &Fault, ledger: &Ledger, seed: u64) -> Result<(), Failed> {
    let scene = Scene::new(fault.name, seed, ledger)?;
    let lift = (fault.inflict)(&scene, &mut Random::new(seed))?;
    let seen = meanwhile::look(&scene);
    lift(&scene)?;
    say(&format!("faults: {:<17} {}", fault.name, seen.summary()));
    seen.unlike(&fault.expected)
        .iter()
        .for_each(|what| scene.find(what));
    afterwards::check(&scene, &seen, fault.leaves)
}
