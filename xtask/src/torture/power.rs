//! Loss of power: the writes and syncs of a real run are recorded, and the disk is rebuilt as it may lie there
//! when the power goes at any sync, with any part of what no sync had covered.

mod disk;
mod losses;
mod opener;
mod promises;
mod trace;
pub(crate) mod workload;

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use self::disk::{Disk, Image};
use self::losses::Effort;
use self::opener::Opener;
use self::promises::Promises;
use self::trace::Event;
use super::ledger::Ledger;
use super::random::{Random, fresh_seed};
use super::verdict;
use super::world::{own_program, trouble};
use crate::command::{Failed, run as run_command, say};

/// The operator's program is started for one in so many states; the store opens all of them.
const OPERATED: usize = 40;
/// The places where the recording writes things that no program of ours writes.
const OURS_TO_SETTLE: [&str; 2] = ["egress", "supervise.toml"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many proposals and decisions are acknowledged while it is recorded
    #[arg(long, default_value_t = 20)]
    transactions: u32,
    /// How many subsets of more than six unsynced changes are tried, wherever power may be lost
    #[arg(long, default_value_t = 3)]
    subsets: usize,
    /// How many times they are torn into sectors besides
    #[arg(long, default_value_t = 1)]
    torn: usize,
    /// Repeats the choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
}

impl Args {
    pub(super) fn short() -> Self {
        Args {
            transactions: 20,
            subsets: 3,
            torn: 0,
            seed: None,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let effort = Effort {
        subsets: args.subsets,
        torn: args.torn,
    };
    say(&format!("power: {} transactions, seed {seed}", args.transactions));
    let recording = Recording::make(args.transactions)?;
    let ledger = Ledger::default();
    let mut replay = Replay::new(&recording, &ledger, effort, Random::new(seed))?;
    recording.events.iter().try_for_each(|event| replay.step(event))?;
    replay.finish()?;
    say(&format!(
        "power: {} syncs, {} states of the disk opened, {} of them by the operator's program; {} promises",
        replay.syncs,
        replay.seen.len(),
        replay.seen.len() / OPERATED,
        replay.promises.count()
    ));
    verdict("power", seed, &ledger.findings())
}

/// What a run did, and what it left.
struct Recording {
    events: Vec<Event>,
    root: PathBuf,
    notes: PathBuf,
    out: tempfile::TempDir,
}

impl Recording {
    fn make(transactions: u32) -> Result<Recording, Failed> {
        let out = tempfile::tempdir().map_err(trouble("making a folder"))?;
        let own = own_program();
        let log = out.path().join("strace");
        let mut strace = Command::new("strace");
        strace
            .args([
                "-f",
                "-y",
                "-xx",
                "-qq",
                "-s",
                "10000000",
                "-e",
                "signal=none",
                "-e",
            ])
            .arg(format!("trace={}", trace::CALLS))
            .arg("-o")
            .args([&log, &own])
            .args(["torture", "power-workload"])
            .arg(out.path())
            .arg(transactions.to_string());
        run_command(&mut strace)?;
        let text = fs::read_to_string(&log).map_err(trouble("reading the recording"))?;
        let notes = out.path().join(workload::PROMISES);
        let first = fs::read_to_string(&notes).map_err(trouble("reading the promises"))?;
        let first: Value = serde_json::from_str(first.lines().next().unwrap_or_default())
            .map_err(|error| Failed::new(format!("the promises: {error}")))?;
        Ok(Recording {
            events: trace::parse(&text),
            root: PathBuf::from(first["root"].as_str().unwrap_or_default()),
            notes,
            out,
        })
    }
}

struct Replay<'a> {
    recording: &'a Recording,
    ledger: &'a Ledger,
    effort: Effort,
    random: Random,
    disk: Disk,
    promises: Promises,
    /// Every text that the routes file ever had.
    routes: HashSet<Vec<u8>>,
    opener: Opener,
    seen: HashSet<u64>,
    syncs: usize,
    over: bool,
    scratch: tempfile::TempDir,
}

impl<'a> Replay<'a> {
    fn new(
        recording: &'a Recording,
        ledger: &'a Ledger,
        effort: Effort,
        random: Random,
    ) -> Result<Self, Failed> {
        // A disk in memory: thousands of states are written.
        let memory = Path::new("/dev/shm");
        let scratch = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        Ok(Replay {
            recording,
            ledger,
            effort,
            random,
            disk: Disk::with_folder(&recording.root),
            promises: Promises::default(),
            routes: HashSet::new(),
            opener: Opener::start()?,
            seen: HashSet::new(),
            syncs: 0,
            over: false,
            scratch: scratch.map_err(trouble("making a folder"))?,
        })
    }

    fn step(&mut self, event: &Event) -> Result<(), Failed> {
        match event {
            _ if self.over => {}
            Event::Write { path, data, .. } if *path == self.recording.notes => self.note(data)?,
            Event::Unknown(line) if line.contains(&hex(&self.recording.root)) => {
                return Err(Failed::new(format!("a call the model doesn't know: {line}")));
            }
            event if !event.is_below(&self.recording.root) => {}
            Event::Sync(_) => {
                self.syncs += 1;
                self.lose_power()?;
                self.disk.apply(event);
            }
            event => {
                self.disk.apply(event);
                self.routes
                    .extend(self.disk.read(&self.routes_file()).map(<[u8]>::to_vec));
            }
        }
        Ok(())
    }

    fn routes_file(&self) -> PathBuf {
        self.recording
            .root
            .join(format!("egress/{}.yaml", workload::SLUG))
    }

    fn note(&mut self, data: &[u8]) -> Result<(), Failed> {
        let promise: Value =
            serde_json::from_slice(data).map_err(|error| Failed::new(format!("the promises: {error}")))?;
        if promise["root"].is_string() {
            for name in OURS_TO_SETTLE {
                self.disk.settle_below(&self.recording.root.join(name));
            }
        }
        self.over = promise["end"] == true;
        self.promises.note(&promise);
        Ok(())
    }

    /// The last moment, and the proof that the recording has everything: what was replayed is what is there.
    fn finish(&mut self) -> Result<(), Failed> {
        self.lose_power()?;
        let copy = self.recording.out.path().join(workload::COPY);
        let real = Image::of(&self.recording.root, &copy).map_err(trouble("reading the copy"))?;
        match self.disk.now().difference(&real) {
            None => Ok(()),
            Some(path) => Err(Failed::new(format!(
                "the recording doesn't explain {}",
                path.display()
            ))),
        }
    }

    fn lose_power(&mut self) -> Result<(), Failed> {
        for image in losses::images(&self.disk, self.effort, &mut self.random) {
            let mut hasher = DefaultHasher::new();
            (&image, self.promises.count()).hash(&mut hasher);
            if self.seen.insert(hasher.finish()) {
                self.open(&image)?;
            }
        }
        Ok(())
    }

    fn open(&mut self, image: &Image) -> Result<(), Failed> {
        let root = self.scratch.path().join("root");
        image
            .write(&self.recording.root, &root)
            .map_err(trouble("writing a state"))?;
        let routes = fs::read(root.join(format!("egress/{}.yaml", workload::SLUG))).unwrap_or_default();
        let there = self.opener.look(&root, &self.promises.ids())?;
        let mut broken = self.promises.broken(&there, &String::from_utf8_lossy(&routes));
        let damage = self.opener.damage(&root)?;
        if !damage.is_empty() {
            broken.push(format!("damaged: {damage}"));
        }
        if !routes.is_empty() && !self.routes.contains(&routes) {
            broken.push("the routes file is neither the old nor the new one".to_owned());
        }
        if self.seen.len().is_multiple_of(OPERATED) {
            broken.extend(Opener::operate(&root)?);
        }
        for what in broken {
            self.ledger
                .find(format!("power lost at sync {}: {what}", self.syncs));
        }
        fs::remove_dir_all(&root).map_err(trouble("taking a state away"))
    }
}

/// As strace spells a path.
fn hex(path: &Path) -> String {
    path.display()
        .to_string()
        .bytes()
        .map(|byte| format!("\\x{byte:02x}"))
        .collect()
}
