//! `cargo xtask abuse`: clients that want to bring the sidecar down, and what it costs everybody else.

mod double;
mod exchange;
mod flood;
mod ground;
mod malformed;
mod mutation;
mod random;
mod slow;
mod verdict;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::bench::machine;
use crate::command::{self, Failed, cargo, say};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs these attacks only
    #[arg(value_enum, value_name = "ATTACK")]
    only: Vec<Attack>,
    /// How many malformed requests are sent
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    requests: u64,
    /// What the malformed requests are drawn from
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// The first one's number: with `--requests 1`, the one that found something
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// How many connections are slow at once
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    connections: usize,
    /// How long the slow ones and the flood go on
    #[arg(long, value_name = "SECONDS", default_value_t = 12)]
    seconds: u64,
    /// Attacks the optimised programs; only then are times judged
    #[arg(long)]
    release: bool,
    /// Attacks this sidecar, an image's say, instead of the one that is built
    #[arg(long, value_name = "PROGRAM")]
    sidecar: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Attack {
    /// Slow heads, slow bodies and slow readers
    Slow,
    /// Mutated requests of both generations, and noise
    Malformed,
    /// Proposals as fast as they go, withdrawn and not
    Flood,
}

/// What was measured, and what must hold of it.
struct Reading {
    what: String,
    value: f64,
    unit: &'static str,
    most: Option<f64>,
}

impl Reading {
    fn at_most(what: impl Into<String>, value: f64, unit: &'static str, most: f64) -> Self {
        Reading {
            what: what.into(),
            value,
            unit,
            most: Some(most),
        }
    }

    fn plain(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Reading {
            what: what.into(),
            value,
            unit,
            most: None,
        }
    }

    /// What only an optimised program is held to.
    fn if_release(self, args: &Args) -> Self {
        let most = self.most.filter(|_| args.release);
        Reading { most, ..self }
    }

    fn is_good(&self) -> bool {
        self.most.is_none_or(|most| self.value <= most)
    }
}

/// What fits into a minute, without times, which belong to a quiet machine and optimised programs.
pub(crate) fn run_short() -> Result<(), Failed> {
    run(&Args {
        only: Vec::new(),
        requests: 20_000,
        seed: 1,
        first: 0,
        connections: 2_000,
        seconds: 6,
        release: false,
        sidecar: None,
    })
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    build(args)?;
    let attacks = Attack::value_variants();
    let chosen = attacks
        .iter()
        .filter(|attack| args.only.is_empty() || args.only.contains(attack));
    let mut broken = Vec::new();
    for attack in chosen {
        if args.release {
            machine::wait_until_quiet();
        }
        let readings = match attack {
            Attack::Slow => slow::run(args)?,
            Attack::Malformed => malformed::run(args)?,
            Attack::Flood => flood::run(args)?,
        };
        readings.iter().for_each(print);
        broken.extend(readings.into_iter().filter(|reading| !reading.is_good()));
    }
    match broken.first() {
        None => Ok(()),
        Some(first) => Err(Failed::new(format!(
            "{} goals missed, first: {}",
            broken.len(),
            first.what
        ))),
    }
}

fn print(reading: &Reading) {
    let Reading {
        what,
        value,
        unit,
        most,
    } = reading;
    let mark = if reading.is_good() { ' ' } else { '!' };
    let goal = most.map_or_else(String::new, |most| format!("  (at most {most:.0})"));
    say(&format!("  {mark} {what:<58}{value:>12.1} {unit}{goal}"));
}

fn build(args: &Args) -> Result<(), Failed> {
    let mut build = cargo("build");
    build.args([
        "--locked",
        "--package",
        "supervise-sidecar",
        "--package",
        "supervise-cli",
        "--bins",
    ]);
    if args.release {
        build.arg("--release");
    }
    command::run(&mut build)
}

/// The value below which so much of the sorted values lies.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}
