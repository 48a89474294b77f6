//! SIGKILL of either side of a queue of files, again and again: everything asked is decided once and told alike.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::random::{Random, fresh_seed};
use super::verdict;
use super::world::{Queue, World, lock, programs, trouble};
use crate::command::{Failed, say};
use crate::torture::ledger::Ledger;

const SLUG: &str = "far";
const LIFE: u64 = 800;
/// Long enough to be killed in.
const LIFE_AT_LEAST: u64 = 20;
/// Without a kill everything comes to rest within this.
const REST: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many proposals are asked and answered at least
    #[arg(long, default_value_t = 300)]
    proposals: usize,
    /// How long a side lives at most, in milliseconds: a short life is a start and little else
    #[arg(long, value_name = "MS", default_value_t = LIFE)]
    life: u64,
    /// Repeats the choices of an earlier run; the timing is the machine's
    #[arg(long)]
    seed: Option<u64>,
}

impl Args {
    pub(super) fn short() -> Self {
        Args {
            proposals: 300,
            life: LIFE,
            seed: None,
        }
    }
}

/// What both sides have said, whichever process it was.
#[derive(Default)]
struct Said {
    asked: BTreeSet<String>,
    told: BTreeMap<String, BTreeSet<String>>,
    decided: BTreeMap<String, BTreeSet<String>>,
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    say(&format!("carry: {} proposals, seed {seed}", args.proposals));
    let world = World::bare(Queue::Files, SLUG)?;
    let said = Mutex::new(Said::default());
    let kills = play(&world, &said, args, Random::new(seed))?;
    let ledger = Ledger::default();
    settle(&world, &said, &ledger)?;
    let said = lock(&said);
    say(&format!(
        "carry: {} asked, {} decided, {} told, {kills} kills",
        said.asked.len(),
        said.decided.len(),
        said.told.len()
    ));
    verdict("carry", seed, &ledger.findings())
}

fn play(world: &World, said: &Mutex<Said>, args: &Args, mut random: Random) -> Result<usize, Failed> {
    let mut kills = 0;
    std::thread::scope(|threads| {
        let start = |role: &'static str| -> Result<Child, Failed> {
            let mut child = side(world, role)?;
            let out = child.stdout.take();
            threads.spawn(move || {
                for line in BufReader::new(out?).lines() {
                    note(said, &line.ok()?);
                }
                Some(())
            });
            Ok(child)
        };
        let (mut bottle, mut host) = (start("bottle")?, start("host")?);
        while lock(said).told.len() < args.proposals {
            std::thread::sleep(random.millis(LIFE_AT_LEAST, args.life.max(LIFE_AT_LEAST + 1)));
            let which = random.below(3);
            if which != 0 {
                end(&mut bottle);
                bottle = start("bottle")?;
            }
            if which != 1 {
                end(&mut host);
                host = start("host")?;
            }
            kills += 1;
            if kills % 100 == 0 {
                say(&format!(
                    "carry: {} told after {kills} kills",
                    lock(said).told.len()
                ));
            }
        }
        // The bottle asks no more. The host goes on until nothing is left, and what nobody was told yet is heard then.
        end(&mut bottle);
        let give_up = Instant::now() + REST;
        let decided = || Ok(world.said(&["list", "--json"])?.trim_start().starts_with("[]"));
        wait_until(decided, give_up)?;
        end(&mut host);
        let mut last = start("last")?;
        let ended = || Ok(last.try_wait().map_err(trouble("waiting for a side"))?.is_some());
        let give_up = Instant::now() + REST;
        wait_until(ended, give_up)?;
        end(&mut last);
        Ok(kills)
    })
}

/// Whether it was or not, it ends then: what is missing is found afterwards.
fn wait_until(mut done: impl FnMut() -> Result<bool, Failed>, give_up: Instant) -> Result<(), Failed> {
    while !done()? && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn side(world: &World, role: &str) -> Result<Child, Failed> {
    Command::new(programs()?.join("examples/carry"))
        .args([role, &world.root().to_string_lossy(), SLUG])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(trouble("starting a side"))
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn note(said: &Mutex<Said>, line: &str) {
    let mut said = lock(said);
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["asked", id] => {
            said.asked.insert(id.to_owned());
        }
        ["told", id, status] => {
            said.told
                .entry(id.to_owned())
                .or_default()
                .insert(status.to_owned());
        }
        ["decided", id, status] => {
            said.decided
                .entry(id.to_owned())
                .or_default()
                .insert(status.to_owned());
        }
        _ => {}
    }
}

/// Each proposal has one decision, one audit entry, and was told as decided.
fn settle(world: &World, said: &Mutex<Said>, ledger: &Ledger) -> Result<(), Failed> {
    world.said(&["audit", "verify"])?;
    let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in world.said(&["audit", "export"])?.lines() {
        let entry: serde_json::Value =
            serde_json::from_str(line).map_err(|error| Failed::new(format!("audit export: {error}")))?;
        let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        if word("operator_action") != "apply-failed" {
            entries
                .entry(word("proposal_id"))
                .or_default()
                .push(word("operator_action"));
        }
    }
    let said = lock(said);
    for id in &said.asked {
        match entries.get(id).map(Vec::as_slice) {
            Some([action]) => {
                let other = |told: &BTreeSet<String>| told.iter().any(|status| status != action);
                for (who, told) in [("told", said.told.get(id)), ("decided", said.decided.get(id))] {
                    if told.is_some_and(other) {
                        ledger.find(format!("{id} is {action}, and {who} {told:?}"));
                    }
                }
            }
            other => ledger.find(format!("{id} was asked, and its audit entries are {other:?}")),
        }
    }
    for id in entries.keys().filter(|id| !said.told.contains_key(*id)) {
        ledger.find(format!("{id} was decided, and nobody was told"));
    }
    for id in said.told.keys().filter(|id| !said.asked.contains(*id)) {
        // Killed between the file and the word about it: it was stored, and nobody was promised anything.
        if !entries.contains_key(id) {
            ledger.find(format!("{id} was told and never decided"));
        }
    }
    if let Some(database) = world.database(SLUG) {
        let answer = world.integrity(&database)?;
        if answer != "ok" {
            ledger.find(format!("the host's history: {answer}"));
        }
    }
    Ok(())
}
