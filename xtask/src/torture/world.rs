//! A root on the disk with its bottles, and the operator's program on it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::bottle::Bottle;
use super::ledger::Ledger;
use crate::cluster::Cluster;
use crate::command::Failed;

/// The kind of queue that a bottle has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Queue {
    Sqlite,
    Files,
    /// A fleet in a cluster of its own
    Postgres,
}

impl Queue {
    pub(super) fn name(self) -> &'static str {
        match self {
            Queue::Sqlite => "sqlite",
            Queue::Files => "files",
            Queue::Postgres => "postgres",
        }
    }
}

pub(super) struct World {
    pub(super) queue: Queue,
    /// Their sidecars run; ended before the folder goes.
    pub(super) bottles: Vec<Bottle>,
    /// Where the queues are a fleet's.
    pub(super) cluster: Option<Cluster>,
    programs: PathBuf,
    /// The operators' programs that run now, for whoever kills them.
    pub(super) operators: Mutex<BTreeSet<u32>>,
    dir: TempDir,
}

const SETTINGS: &str = r#"[egress]
routes_file = "egress/{slug}.yaml"
reload = ["true"]
"#;

impl World {
    /// A root where approving changes nothing.
    pub(super) fn new(slugs: &[String]) -> Result<World, Failed> {
        World::new_in(&programs()?, Queue::Sqlite, slugs)
    }

    fn new_in(place: &Path, queue: Queue, slugs: &[String]) -> Result<World, Failed> {
        let programs = programs()?;
        let dir = tempfile::Builder::new()
            .prefix("torture-")
            .tempdir_in(place)
            .map_err(trouble("making a root"))?;
        let cluster = (queue == Queue::Postgres).then(|| Cluster::start(place));
        let mut world = World {
            queue,
            bottles: Vec::new(),
            cluster: cluster.transpose()?,
            operators: Mutex::default(),
            programs,
            dir,
        };
        if let Some(cluster) = &world.cluster {
            world.said(&["fleet", "init", "--url", &cluster.admin_url()])?;
        }
        for slug in slugs {
            let url = world.prepare(slug)?;
            let bottle = Bottle::start(slug, &world.programs, world.root(), url)?;
            world.bottles.push(bottle);
        }
        Ok(world)
    }

    /// Makes a bottle's queue. Where that is no directory below the root, its address.
    fn prepare(&self, slug: &str) -> Result<Option<String>, Failed> {
        let Some(cluster) = &self.cluster else {
            self.said(&["prepare", slug, "--queue", self.queue.name()])?;
            return Ok(None);
        };
        let url = self.said(&["fleet", "add-bottle", slug, "--url", &cluster.admin_url()])?;
        Ok(Some(url.trim().to_owned()))
    }

    /// A root with one bottle that is prepared, and no sidecar.
    pub(super) fn bare(queue: Queue, slug: &str) -> Result<World, Failed> {
        let world = World::new_in(&programs()?, queue, &[])?;
        world.prepare(slug)?;
        Ok(world)
    }

    /// A root where approving writes routes.
    pub(super) fn with_routes(slugs: &[String]) -> Result<World, Failed> {
        World::with_routes_on(Queue::Sqlite, slugs)
    }

    /// The same with queues of a given kind.
    pub(super) fn with_routes_on(queue: Queue, slugs: &[String]) -> Result<World, Failed> {
        World::furnished(&programs()?, queue, slugs)
    }

    /// The same, somewhere else than beside the programs.
    pub(super) fn with_routes_in(place: &Path, slugs: &[String]) -> Result<World, Failed> {
        World::furnished(place, Queue::Sqlite, slugs)
    }

    fn furnished(place: &Path, queue: Queue, slugs: &[String]) -> Result<World, Failed> {
        let world = World::new_in(place, queue, slugs)?;
        let write = || {
            fs::create_dir(world.root().join("egress"))?;
            fs::write(world.root().join("supervise.toml"), SETTINGS)?;
            slugs.iter().try_for_each(|slug| {
                let file = world.root().join(format!("egress/{slug}.yaml"));
                fs::write(file, "routes: # kept\n")
            })
        };
        write().map_err(trouble("writing the settings"))?;
        Ok(world)
    }

    /// Where the host keeps a bottle's proposals, below the root; nowhere if they are a fleet's.
    pub(super) fn database(&self, slug: &str) -> Option<String> {
        match self.queue {
            Queue::Sqlite => Some(format!("queue/{slug}/supervise.db")),
            Queue::Files => Some(format!("history/{slug}/supervise.db")),
            Queue::Postgres => None,
        }
    }

    pub(super) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// The operator's program with its arguments.
    pub(super) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("supervise"));
        command
            .args(["--no-input", "--root"])
            .arg(self.root())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the operator's program to its end, which may be a sudden one.
    pub(super) fn supervise(&self, arguments: &[&str]) -> Result<Output, Failed> {
        let child = self
            .program(arguments)
            .spawn()
            .map_err(trouble("starting supervise"))?;
        let id = child.id();
        lock(&self.operators).insert(id);
        let output = child.wait_with_output().map_err(trouble("waiting for supervise"));
        lock(&self.operators).remove(&id);
        output
    }

    /// What a run that must go well printed.
    pub(super) fn said(&self, arguments: &[&str]) -> Result<String, Failed> {
        let output = self.supervise(arguments)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).replace('\n', " / ");
        Err(Failed::new(format!("{}: {said}", arguments.join(" "))))
    }

    /// A panic is contained, and is a finding all the same.
    pub(super) fn expect_no_panic(&self, ledger: &Ledger) {
        for bottle in &self.bottles {
            let log = bottle.log_text();
            if let Some(line) = log.lines().find(|line| line.contains("panicked")) {
                ledger.find(format!("the sidecar of {} panicked: {line}", bottle.slug));
            }
        }
    }

    /// What SQLite itself says of a file. Python's module is another build of it than ours.
    pub(super) fn integrity(&self, database: &str) -> Result<String, Failed> {
        let script = "import sqlite3, sys; \
            print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])";
        let asked = Command::new("python3")
            .args(["-c", script])
            .arg(self.root().join(database))
            .output()
            .map_err(trouble("python3"))?;
        Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Turns an I/O error into a failure that says what was being done.
pub(super) fn trouble(doing: &str) -> impl Fn(std::io::Error) -> Failed {
    move |error| Failed::new(format!("{doing}: {error}"))
}

/// This program, even where the build of the others has put another in its place since.
pub(super) fn own_program() -> PathBuf {
    format!("/proc/{}/exe", std::process::id()).into()
}

/// The folder of the programs that were just built, which is this one's own.
pub(super) fn programs() -> Result<PathBuf, Failed> {
    let own = std::env::current_exe().map_err(trouble("finding the target folder"))?;
    own.parent()
        .map(Path::to_owned)
        .ok_or_else(|| Failed::new(format!("{} lies in no target folder", own.display())))
}
