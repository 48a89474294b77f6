//! SIGKILL of the sidecar, the operator's program, or both, at random points; then every promise is checked.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::ledger::Ledger;
use super::random::{Random, fresh_seed};
use super::world::{Queue, World, lock};
use super::{agents, operator, settle, verdict};
use crate::cluster::Cluster;
use crate::command::{Failed, say};

const SLUG: &str = "torture";
const AGENTS: usize = 6;
const OPERATORS: usize = 2;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often something is killed
    #[arg(long, default_value_t = 60)]
    cycles: u32,
    /// Repeats the choices of an earlier run; the timing is the machine's
    #[arg(long)]
    seed: Option<u64>,
    /// The kind of queue between the two
    #[arg(long, value_enum, default_value = "sqlite")]
    queue: Queue,
}

impl Args {
    /// The short form on a queue of this kind.
    pub(super) fn on(queue: Queue) -> Self {
        Args {
            cycles: 60,
            seed: None,
            queue,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    say(&format!(
        "kill: {} cycles on {}, seed {seed}",
        args.cycles,
        args.queue.name()
    ));
    let (world, ledger) = (
        World::with_routes_on(args.queue, &[SLUG.to_owned()])?,
        Ledger::default(),
    );
    play(&world, &ledger, args.cycles, Random::new(seed))?;
    settle::check(&world, &ledger)?;
    let book = ledger.book();
    say(&format!(
        "kill: {} proposals acknowledged, {} decisions acknowledged, {} answers read",
        book.acknowledged.len(),
        book.decided.len(),
        book.told.len()
    ));
    drop(book);
    verdict("kill", seed, &ledger.findings())
}

fn play(world: &World, ledger: &Ledger, cycles: u32, mut random: Random) -> Result<(), Failed> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for name in 0..AGENTS {
            let (random, stop) = (random.split(), &stop);
            threads.spawn(move || agents::ask(&world.bottles[0], ledger, random, name, stop));
        }
        for _ in 0..OPERATORS {
            let (random, stop) = (random.split(), &stop);
            threads.spawn(move || operator::decide(world, ledger, random, stop));
        }
        let killed = (1..=cycles).try_for_each(|cycle| {
            std::thread::sleep(random.millis(5, 250));
            if cycle % 100 == 0 {
                say(&format!("kill: cycle {cycle}"));
            }
            kill_some(world, &mut random)
        });
        stop.store(true, Ordering::Relaxed);
        killed
    })
}

fn kill_some(world: &World, random: &mut Random) -> Result<(), Failed> {
    // With a fleet, its connections besides.
    let which = random.below(if world.cluster.is_some() { 4 } else { 3 });
    if let (Some(cluster), 3) = (&world.cluster, which) {
        return end_connections(cluster, random);
    }
    if which != 0 {
        kill_operators(world, random);
    }
    if which != 1 {
        world.bottles[0].kill_sidecar();
        world.bottles[0].start_sidecar()?;
    }
    Ok(())
}

/// One of the fleet's, or all.
fn end_connections(cluster: &Cluster, random: &mut Random) -> Result<(), Failed> {
    let limit = ["1", "ALL"][random.below(2)];
    cluster.run(&format!(
        "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity \
         WHERE usename LIKE 'supervise%' ORDER BY random() LIMIT {limit}) AS connection"
    ))
}

/// One of those that run, or all.
fn kill_operators(world: &World, random: &mut Random) {
    let running = lock(&world.operators);
    let all: Vec<u32> = running.iter().copied().collect();
    let one = random.one_of(&all).copied();
    let only = one.filter(|_| random.below(2) == 0);
    for id in all.into_iter().filter(|id| only.is_none_or(|only| only == *id)) {
        if let Some(pid) = Pid::from_raw(id.cast_signed()) {
            // It may just have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
