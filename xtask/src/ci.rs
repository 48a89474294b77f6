//! `cargo xtask ci`: the steps a change has to pass, in order, up to the first that fails.

mod arrows;
mod bindfs;
mod conformance;
mod dependencies;
mod deploy;
mod fuzz;
mod ignored;
mod long;
mod miri;
mod mitmproxy;
mod netns;
pub(crate) mod original;
mod packages;
pub(crate) mod postgres;
mod python_mcp;
mod sanitizers;
mod shells;
mod steps;
mod tampering;
mod tmux;
mod torture;
mod typescript_mcp;

use std::time::{Duration, Instant};

use clap::builder::PossibleValuesParser;

use crate::command::{Failed, say};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Adds the steps that need Debian, PyPI or npm packages; a missing part is then a failure
    #[arg(long)]
    all: bool,
    /// Leaves a step out; may be given several times
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(steps::names()))]
    without: Vec<String>,
    /// Runs these steps only
    #[arg(value_name = "STEP", value_parser = PossibleValuesParser::new(steps::names()))]
    only: Vec<String>,
}

/// One check: what it is called and what it does.
struct Step {
    name: &'static str,
    run: fn(Missing) -> Result<Outcome, Failed>,
}

/// What becomes of a step whose tool isn't installed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Skips,
    Fails,
}

enum Outcome {
    Passed,
    Skipped(&'static str),
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    let missing = if args.all { Missing::Fails } else { Missing::Skips };
    let mut summary = Vec::new();
    let outcome = chosen(args).try_for_each(|step| {
        let outcome = timed(step, missing, &mut summary);
        outcome.inspect_err(|_| summary.push(format!("  repeat    cargo xtask ci {}", step.name)))
    });
    say("\nsummary");
    args.without
        .iter()
        .for_each(|name| summary.push(format!("  left out  {name}")));
    summary.iter().for_each(|line| say(line));
    outcome
}

fn chosen(args: &Args) -> impl Iterator<Item = &'static Step> {
    let more = if args.all || !args.only.is_empty() {
        steps::WITH_PACKAGES
    } else {
        &[]
    };
    let named = |names: &[String], step: &Step| names.iter().any(|name| name == step.name);
    steps::RUST_ONLY
        .iter()
        .chain(more)
        .filter(move |step| args.only.is_empty() || named(&args.only, step))
        .filter(move |step| !named(&args.without, step))
}

fn timed(step: &Step, missing: Missing, summary: &mut Vec<String>) -> Result<(), Failed> {
    say(&format!("\n== {}", step.name));
    let start = Instant::now();
    let outcome = (step.run)(missing);
    let line = summary_line(step.name, &outcome, start.elapsed());
    say(&format!("== {}", line.trim_start()));
    summary.push(line);
    outcome.map(|_| ())
}

fn summary_line(name: &str, outcome: &Result<Outcome, Failed>, took: Duration) -> String {
    let seconds = took.as_secs_f32();
    match outcome {
        Ok(Outcome::Passed) => format!("  passed    {name} ({seconds:.1} s)"),
        Ok(Outcome::Skipped(why)) => format!("  skipped   {name}: {why}"),
        Err(_) => format!("  FAILED    {name} ({seconds:.1} s)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: bool, without: &[&str], only: &[&str]) -> Vec<&'static str> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let args = Args {
            all,
            without: owned(without),
            only: owned(only),
        };
        chosen(&args).map(|step| step.name).collect()
    }

    #[test]
    fn packages_are_needed_only_when_asked_for() {
        assert_eq!(
            names(false, &[], &[]),
            ["fmt", "clippy", "docs", "deny", "arrows", "dependencies", "test"]
        );
        assert!(names(true, &[], &[]).starts_with(&names(false, &[], &[])));
        assert!(names(true, &[], &[]).contains(&"original"));
    }

    #[test]
    fn a_step_can_be_left_out_or_run_alone() {
        assert!(!names(true, &["test", "original"], &[]).contains(&"original"));
        assert_eq!(names(false, &[], &["original", "fmt"]), ["fmt", "original"]);
    }
}
