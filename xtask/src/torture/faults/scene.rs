//! One bottle on a volume of its own: with an answered proposal, a pending one, and promises to keep.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::volume::Volume;
use crate::command::Failed;
use crate::torture::bottle::Told;
use crate::torture::ledger::Ledger;
use crate::torture::world::{World, trouble};

pub(super) const SLUG: &str = "torture";
/// What the pending proposal asks for.
pub(super) const PENDING: &str = "pending.example.com";
/// Neither program may take longer over saying that it can't.
const TIME_LIMIT: &str = "30";

pub(super) struct Scene<'a> {
    name: &'static str,
    seed: u64,
    pub(super) ledger: &'a Ledger,
    pub(super) world: World,
    pub(super) pending: Told,
    asked: Cell<usize>,
    // Goes last: the world lies on it.
    pub(super) volume: Volume,
}

impl<'a> Scene<'a> {
    pub(super) fn new(name: &'static str, seed: u64, ledger: &'a Ledger) -> Result<Scene<'a>, Failed> {
        let volume = Volume::mount()?;
        let world = World::with_routes_in(volume.path(), &[SLUG.to_owned()])?;
        let ask = |host: &str| {
            let told = world.bottles[0].call("egress-allow", &arguments(host));
            told.ok_or_else(|| Failed::new("a healthy sidecar doesn't answer"))
        };
        let first = ask("first.example.com")?;
        world.said(&["approve", &first.id])?;
        let pending = ask(PENDING)?;
        // That nobody decided in time is being written down.
        std::thread::sleep(Duration::from_millis(100));
        Ok(Scene {
            name,
            seed,
            ledger,
            world,
            pending,
            asked: Cell::new(0),
            volume,
        })
    }

    pub(super) fn find(&self, what: &str) {
        self.ledger
            .find(format!("{} (--seed {}): {what}", self.name, self.seed));
    }

    pub(super) fn queue(&self) -> PathBuf {
        self.world.root().join("queue").join(SLUG)
    }

    pub(super) fn queue_db(&self) -> PathBuf {
        self.queue().join("supervise.db")
    }

    pub(super) fn host_db(&self) -> PathBuf {
        self.world.root().join("bot-bottle.db")
    }

    /// An agent asks for a host that nobody asked for before.
    pub(super) fn ask(&self) -> std::io::Result<Value> {
        let count = self.asked.replace(self.asked.get() + 1);
        let host = format!("more-{count}.example.com");
        self.world.bottles[0].answer("egress-allow", &arguments(&host))
    }

    /// The operator's program, started through `prefix` and not for ever.
    pub(super) fn operate(&self, arguments: &[&str]) -> Result<Output, Failed> {
        let program = self.world.program(arguments);
        Command::new("timeout")
            .arg(TIME_LIMIT)
            .args(self.volume.prefix())
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::null())
            .output()
            .map_err(trouble("starting supervise"))
    }

    /// Waits for something that happens within a moment, or gives up.
    pub(super) fn soon(&self, mut happened: impl FnMut() -> bool) -> bool {
        (0..100).any(|_| {
            let yes = happened();
            if !yes {
                std::thread::sleep(Duration::from_millis(50));
            }
            yes
        })
    }
}

pub(super) fn arguments(host: &str) -> Value {
    json!({"host": host, "justification": "the tests need it"})
}

/// A file's bytes, for putting them back.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Failed> {
    fs::read(path).map_err(trouble("reading a database"))
}
