//! `cargo xtask torture`: kills, races and wears out both programs, and counts what was lost.
//!
//! Everything here is a real program on a real file. A run prints its seed, and one that found something ends
//! with a list of it and with exit code 1.

mod agents;
mod bottle;
mod kill;
mod ledger;
mod operator;
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
    /// Lets eight operators decide the same proposals at once, one of them the Python program
    Race(race::Args),
    /// Runs fifty bottles for a while, and looks for growth
    Soak(soak::Args),
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    run_command(cargo("build").args(["--workspace", "--locked", "--bins"]))?;
    match &args.test {
        Some(Test::Kill(args)) => kill::run(args),
        Some(Test::Race(args)) => race::run(args),
        Some(Test::Soak(args)) => soak::run(args),
        None => short(),
    }
}

fn short() -> Result<(), Failed> {
    kill::run(&kill::Args::short())?;
    race::run(&race::Args::short())?;
    soak::run(&soak::Args::short())
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
