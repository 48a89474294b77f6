//! Many bottles under mixed load for a while, with restarts: memory, descriptors and files stay as they are.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::ledger::Ledger;
use super::operator::{self, field};
use super::random::{Random, fresh_seed};
use super::world::World;
use super::{agents, verdict};
use crate::command::{Failed, say};

const BOTTLES: usize = 50;
const AGENTS: usize = 32;
const SAMPLE: Duration = Duration::from_millis(500);
/// How much of a measure is weather: growth over it is a leak.
const SLACK: f64 = 1.25;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    #[arg(long)]
    seed: Option<u64>,
}

impl Args {
    pub(super) fn short() -> Self {
        Args {
            seconds: 30,
            seed: None,
        }
    }
}

/// All sidecars together.
#[derive(Clone, Copy, Default)]
struct Sample {
    memory_kib: f64,
    descriptors: f64,
    files_kib: f64,
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    say(&format!(
        "soak: {BOTTLES} bottles, {} s, seed {seed}",
        args.seconds
    ));
    let slugs: Vec<String> = (0..BOTTLES).map(|number| format!("soak-{number}")).collect();
    let (world, ledger) = (World::new(&slugs)?, Ledger::default());
    let samples = play(
        &world,
        &ledger,
        Duration::from_secs(args.seconds),
        Random::new(seed),
    )?;
    report(&ledger, &samples);
    world.said(&["audit", "verify"])?;
    say(&format!("soak: {} answers read", ledger.book().told.len()));
    verdict("soak", seed, &ledger.findings())
}

fn play(world: &World, ledger: &Ledger, length: Duration, mut random: Random) -> Result<Vec<Sample>, Failed> {
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    std::thread::scope(|threads| {
        for name in 0..AGENTS {
            let (random, stop) = (random.split(), &stop);
            threads.spawn(move || ask(world, ledger, random, name, stop));
        }
        threads.spawn(|| decide(world, ledger, &stop));
        let mut samples = Vec::new();
        let mut sampled = Ok(());
        while begun.elapsed() < length && sampled.is_ok() {
            std::thread::sleep(SAMPLE);
            samples.push(sample(world));
            let bottle = &world.bottles[random.below(BOTTLES)];
            bottle.stop_sidecar();
            sampled = bottle.start_sidecar();
        }
        stop.store(true, Ordering::Relaxed);
        sampled.map(|()| samples)
    })
}

/// Hosts are used again: what was decided long ago may be asked anew.
fn ask(world: &World, ledger: &Ledger, mut random: Random, name: usize, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let bottle = &world.bottles[random.below(BOTTLES)];
        let host = format!("s{name}-{}.example.com", random.below(1000));
        let arguments = json!({"host": host, "justification": "the soak needs it"});
        let Some(told) = bottle.call("egress-allow", &arguments) else {
            continue;
        };
        ledger.answered(&told.id, &host, &told.status);
        let mut open = told.status == "pending";
        while open && !stop.load(Ordering::Relaxed) {
            open = !agents::check(bottle, ledger, &told.id, &host);
        }
    }
}

/// Approves whatever is there, and throws away what was delivered.
fn decide(world: &World, ledger: &Ledger, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let listed = operator::list(world, ledger);
        let ids: Vec<String> = listed
            .iter()
            .map(|one| format!("{}@{}", field(one, "id"), field(one, "digest")))
            .collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        if !ids.is_empty()
            && let Err(failed) = world.said(&[&["approve", "--json"][..], &ids].concat())
        {
            ledger.find(failed.reason().to_owned());
        }
        if let Err(failed) = world.said(&["prune", "--older-than", "1s", "--yes"]) {
            ledger.find(failed.reason().to_owned());
        }
    }
}

fn sample(world: &World) -> Sample {
    let mut sum = Sample::default();
    for bottle in &world.bottles {
        let Some(process) = bottle.process() else {
            continue;
        };
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        sum.memory_kib += resident.unwrap_or_default();
        sum.descriptors += fs::read_dir(format!("/proc/{process}/fd")).map_or(0.0, |fds| fds.count() as f64);
        let queue = world.root().join("queue").join(&bottle.slug);
        sum.files_kib += fs::read_dir(queue).map_or(0.0, |files| {
            let sizes = files
                .flatten()
                .filter_map(|file| Some(file.metadata().ok()?.len() as f64));
            sizes.sum::<f64>() / 1024.0
        });
    }
    sum
}

type Measure = fn(&Sample) -> f64;

/// The last quarter against the second: the first is still filling up.
fn report(ledger: &Ledger, samples: &[Sample]) {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return;
    }
    let measures: [(&str, Measure); 3] = [
        ("resident memory, KiB", |sample| sample.memory_kib),
        ("descriptors", |sample| sample.descriptors),
        ("queue files, KiB", |sample| sample.files_kib),
    ];
    for (name, measure) in measures {
        let early = median(samples[quarter..2 * quarter].iter().map(measure));
        let late = median(samples[samples.len() - quarter..].iter().map(measure));
        say(&format!("soak: {name}: {early:.0} early, {late:.0} late"));
        if late > early * SLACK {
            ledger.find(format!("{name} grew from {early:.0} to {late:.0}"));
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
