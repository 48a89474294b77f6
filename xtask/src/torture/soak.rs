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
/// The first of them are restarted now and then.
const RESTARTED: usize = BOTTLES / 2;
const AGENTS: usize = 32;
const SAMPLE: Duration = Duration::from_millis(500);
/// How much of all together is weather: growth over it is a leak.
const SLACK: f64 = 1.25;
/// What one process that was never restarted may grow by from the second quarter to the last, in KiB. It fills the
/// caches of its database and its allocator for a while.
const GROWTH_KIB: f64 = 512.0;
/// Its connections come and go; what is left over from each would be many more.
const GROWTH_DESCRIPTORS: f64 = 6.0;
/// A few pages: what is pruned leaves room that is used again.
const GROWTH_FILES_KIB: f64 = 64.0;

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

/// One sidecar.
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
    for bottle in &world.bottles {
        if !bottle.health().is_ok_and(|status| status == 200) {
            ledger.find(format!("{} is not healthy at the end", bottle.slug));
        }
    }
    world.expect_no_panic(&ledger);
    world.said(&["audit", "verify"])?;
    say(&format!("soak: {} answers read", ledger.book().told.len()));
    verdict("soak", seed, &ledger.findings())
}

fn play(
    world: &World,
    ledger: &Ledger,
    length: Duration,
    mut random: Random,
) -> Result<Vec<Vec<Sample>>, Failed> {
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
            // The other half runs from the beginning to the end, or a leak would never have the time to show.
            let bottle = &world.bottles[random.below(RESTARTED)];
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
        let number = random.below(BOTTLES);
        let bottle = &world.bottles[number];
        let host = format!("s{name}-{}.example.com", random.below(1000));
        let arguments = json!({"host": host, "justification": "the soak needs it"});
        let Some(told) = bottle.call("egress-allow", &arguments) else {
            if number >= RESTARTED {
                ledger.find(format!("{} runs all the time and didn't answer", bottle.slug));
            }
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

/// Each bottle's sidecar, in the order of the bottles.
fn sample(world: &World) -> Vec<Sample> {
    let samples = world.bottles.iter().map(|bottle| {
        let process = bottle.process().unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        let queue = world.root().join("queue").join(&bottle.slug);
        let files = fs::read_dir(queue).map_or(0.0, |files| {
            let sizes = files
                .flatten()
                .filter_map(|file| Some(file.metadata().ok()?.len() as f64));
            sizes.sum::<f64>() / 1024.0
        });
        Sample {
            memory_kib: resident.unwrap_or_default(),
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).map_or(0.0, |fds| fds.count() as f64),
            files_kib: files,
        }
    });
    samples.collect()
}

type Measure = fn(&Sample) -> f64;

/// All together, then each that was never restarted.
fn report(ledger: &Ledger, samples: &[Vec<Sample>]) {
    let measures: [(&str, Measure); 3] = [
        ("resident memory, KiB", |sample| sample.memory_kib),
        ("descriptors", |sample| sample.descriptors),
        ("queue files, KiB", |sample| sample.files_kib),
    ];
    for (name, measure) in measures {
        let all = samples.iter().map(|all| all.iter().map(measure).sum());
        let (early, late) = quarters(all);
        say(&format!("soak: {name}: {early:.0} early, {late:.0} late"));
        if late > early * SLACK {
            ledger.find(format!("{name} grew from {early:.0} to {late:.0}"));
        }
    }
    for (name, measure, most) in [
        (measures[0].0, measures[0].1, GROWTH_KIB),
        (measures[1].0, measures[1].1, GROWTH_DESCRIPTORS),
        (measures[2].0, measures[2].1, GROWTH_FILES_KIB),
    ] {
        let (number, growth) = fastest(samples, measure);
        say(&format!(
            "soak: {name}: bottle {number} grew most, by {growth:.0}"
        ));
        if growth > most {
            ledger.find(format!(
                "{name} of bottle {number} grew by {growth:.0}, never restarted"
            ));
        }
    }
}

/// Which of those that were never restarted grew most, and by how much.
fn fastest(samples: &[Vec<Sample>], measure: Measure) -> (usize, f64) {
    let growth = (RESTARTED..BOTTLES).map(|number| {
        let one = samples.iter().filter_map(|all| all.get(number)).map(measure);
        let (early, late) = quarters(one);
        (number, late - early)
    });
    let fastest = growth.max_by(|one, other| one.1.total_cmp(&other.1));
    fastest.unwrap_or_default()
}

/// The middle of the second quarter and of the last: the first is still filling up.
fn quarters(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let quarter = values.len() / 4;
    let early = median(values[quarter..2 * quarter].iter().copied());
    let late = median(values[values.len() - quarter..].iter().copied());
    (early, late)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of all bottles, in which one grows steadily.
    fn samples(leaking: usize, each_kib: f64) -> Vec<Vec<Sample>> {
        let sample = |time: usize, number: usize| Sample {
            memory_kib: 6000.0
                + if number == leaking {
                    each_kib * time as f64
                } else {
                    0.0
                },
            descriptors: 12.0,
            files_kib: 40.0,
        };
        (0..60)
            .map(|time| (0..BOTTLES).map(|number| sample(time, number)).collect())
            .collect()
    }

    #[test]
    fn a_leak_in_one_of_fifty_is_found() {
        for (leaking, each_kib, found) in [(30, 0.0, 0), (30, 5.0, 0), (30, 20.0, 1), (3, 20.0, 0)] {
            let ledger = Ledger::default();
            report(&ledger, &samples(leaking, each_kib));
            assert_eq!(ledger.findings().len(), found, "{leaking} {each_kib}");
        }
    }
}
