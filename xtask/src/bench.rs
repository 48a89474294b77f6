//! `cargo xtask bench`: our programs beside others, in one run on the same work.

mod agent;
pub(crate) mod client;
mod fleet;
mod http;
mod inputs;
pub(crate) mod machine;
mod mounted;
mod operator;
mod process;
mod program;
mod reading;
mod report;
mod scenarios;
mod server;
mod subject;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

use crate::command::{self, Failed, cargo, say};
use report::Measured;
use scenarios::{Queue, Scenario, Size};
use subject::Subject;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measures this beside ours: `original`, or the command of an MCP server on the same tables
    #[arg(long, value_name = "original|COMMAND")]
    peer: Vec<String>,
    /// Runs this scenario alone; may be given several times
    #[arg(long, value_name = "SCENARIO", value_parser = PossibleValuesParser::new(scenarios::names()))]
    only: Vec<String>,
    /// Runs the scenarios on this kind of queue
    #[arg(long, value_enum)]
    queue: Option<Queue>,
    /// Where the figures go
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    json: PathBuf,
    /// A tenth of the work, for a first look
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    let subjects = Subject::ours_and(&args.peer)?;
    build()?;
    let size = if args.quick { Size::Quick } else { Size::Full };
    let chosen: Vec<&Scenario> = scenarios::ALL
        .iter()
        .filter(|scenario| args.only.is_empty() || args.only.iter().any(|name| name == scenario.name))
        .filter(|scenario| args.queue.is_none_or(|queue| scenario.is_on(queue)))
        .collect();
    let mut measured = Vec::new();
    for (at, scenario) in chosen.iter().enumerate() {
        for subject in subjects.iter().filter(|subject| scenario.suits(subject)) {
            say(&format!(
                "[{}/{}] {}: {}",
                at + 1,
                chosen.len(),
                scenario.name,
                subject.name()
            ));
            measured.push(measure(scenario, subject, size));
        }
    }
    report::print(&subjects, &measured)?;
    report::write_json(&args.json, &subjects, &measured)?;
    say(&format!("figures in {}", args.json.display()));
    match measured.iter().find(|measured| measured.is_our_failure()) {
        Some(failure) => Err(Failed::new(format!("{} could not be measured", failure.scenario))),
        None => Ok(()),
    }
}

/// A scenario that goes wrong is part of the result and no reason to lose the others.
fn measure(scenario: &Scenario, subject: &Subject, size: Size) -> Measured {
    let busy_percent = machine::wait_until_quiet();
    let readings = (scenario.run)(subject, size);
    match &readings {
        Ok(readings) => readings
            .iter()
            .for_each(|reading| say(&format!("      {reading}"))),
        Err(failed) => say(&format!("      {}", failed.reason())),
    }
    Measured {
        scenario: scenario.name,
        subject: subject.name().to_owned(),
        busy_percent,
        readings: readings.map_err(|failed| failed.reason().to_owned()),
    }
}

/// Only what is measured, and the client: it must not be the slower half.
fn build() -> Result<(), Failed> {
    let release = |arguments: &[&str]| {
        let mut build = cargo("build");
        build.args(["--release", "--locked"]).args(arguments);
        command::run(&mut build)
    };
    release(&[
        "--package",
        "supervise-sidecar",
        "--package",
        "supervise-cli",
        "--bins",
    ])?;
    release(&[
        "--package",
        "supervise-store",
        "--features",
        "postgres",
        "--example",
        "decide",
    ])?;
    release(&["--package", "xtask"])
}
