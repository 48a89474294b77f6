//! `cargo xtask torture`: kills, races and wears out both programs, and counts what was lost.
//!
//! Everything here is a real program on a real file. A run prints its seed, and one that found something ends
//! with a list of it and with exit code 1.

mod agents;
mod bottle;
mod carry;
mod clocks;
mod faults;
mod kill;
mod ledger;
mod operator;
mod power;
mod race;
mod random;
mod settle;
mod soak;
mod world;

use crate::command::{Failed, cargo, run as run_command, say};
use ledger::Finding;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Without one, all of them run in their short form
    #[command(subcommand)]
    test: Option<Test>,
}

impl Args {
    /// All of them, for as long as every change can wait.
    pub(crate) fn short() -> Self {
        Args { test: None }
    }
}

#[derive(clap::Subcommand)]
enum Test {
    /// SIGKILLs sidecar and operator's program at random while agents ask and operators decide
    Kill(kill::Args),
    /// SIGKILLs either side of a queue of files while both ask and decide without a pause
    Carry(carry::Args),
    /// Lets eight operators decide the same proposals at once, one of them the Python program
    Race(race::Args),
    /// Runs fifty bottles for a while, and looks for growth
    Soak(soak::Args),
    /// Rebuilds the disk as a loss of power may leave it, at every sync of a recorded run
    Power(power::Args),
    /// Inflicts faults of disk, machine and neighbours on a running bottle, and lifts them
    Faults(faults::Args),
    /// Sets the clock back, ahead and still under running programs
    Clocks(clocks::Args),
    #[command(hide = true)]
    PowerWorkload(power::workload::Args),
    #[command(hide = true)]
    FaultsAsRoot(faults::Args),
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    // These two are started by another of us, which has built what they need.
    match &args.test {
        Some(Test::PowerWorkload(args)) => return power::workload::run(args),
        Some(Test::FaultsAsRoot(args)) => return faults::run_as_root(args),
        _ => {}
    }
    run_command(cargo("build").args(["--workspace", "--locked", "--bins", "--examples"]))?;
    match &args.test {
        Some(Test::Kill(args)) => kill::run(args),
        Some(Test::Carry(args)) => carry::run(args),
        Some(Test::Race(args)) => race::run(args),
        Some(Test::Soak(args)) => soak::run(args),
        Some(Test::Power(args)) => power::run(args),
        Some(Test::Faults(args)) => faults::run(args),
        Some(Test::Clocks(args)) => clocks::run(args),
        Some(Test::PowerWorkload(args)) => power::workload::run(args),
        Some(Test::FaultsAsRoot(args)) => faults::run_as_root(args),
        None => short(),
    }
}

fn short() -> Result<(), Failed> {
    for queue in [world::Queue::Sqlite, world::Queue::Files, world::Queue::Postgres] {
        kill::run(&kill::Args::on(queue))?;
    }
    carry::run(&carry::Args::short())?;
    race::run(&race::Args::short())?;
    soak::run(&soak::Args::short())?;
    power::run(&power::Args::short())?;
    faults::run(&faults::Args::short())?;
    clocks::run(&clocks::Args {})
}

/// Prints what was found and fails, or says that nothing was.
fn verdict(test: &str, seed: u64, findings: &[Finding]) -> Result<(), Failed> {
    findings
        .iter()
        .for_each(|finding| say(&format!("  FOUND {finding}")));
    if findings.is_empty() {
        say(&format!("{test}: nothing lost (seed {seed})"));
        return Ok(());
    }
    Err(Failed::new(format!(
        "{test}: {} findings with --seed {seed}",
        findings.len()
    )))
}
