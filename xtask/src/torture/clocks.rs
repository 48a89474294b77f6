//! Clocks that are set back, run ahead or stand still, under a running sidecar and its operator.
//!
//! libfaketime answers for the clock and reads what to say from a file, so the clock turns under everybody at
//! once. The monotonic clock goes on, as it does when a real clock is set.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::bottle::Told;
use super::ledger::Ledger;
use super::operator::field;
use super::verdict;
use super::world::{World, programs, trouble};
use crate::command::{Failed, say};

const SLUG: &str = "torture";

/// What the clock does, as libfaketime spells it.
struct Turn {
    name: &'static str,
    spelled: &'static str,
    /// Whether a rejection that sticks for ten minutes has had its time.
    refusals: Refusals,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusals {
    Hold,
    Over,
}

const TURNS: [Turn; 3] = [
    Turn {
        name: "an hour back",
        spelled: "-3600",
        refusals: Refusals::Over,
    },
    Turn {
        name: "ten years ahead",
        spelled: "+10y",
        refusals: Refusals::Over,
    },
    Turn {
        name: "frozen",
        spelled: "",
        refusals: Refusals::Hold,
    },
];

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(super) fn run(_: &Args) -> Result<(), Failed> {
    let ledger = Ledger::default();
    for turn in &TURNS {
        Scene::new(turn, &ledger)?.play()?;
        say(&format!("clocks: {} and right again", turn.name));
    }
    verdict("clocks", 0, &ledger.findings())
}

struct Scene<'a> {
    turn: &'a Turn,
    ledger: &'a Ledger,
    clock: Clock,
    world: World,
}

/// The words that put a program under the clock, and the file that turns it.
struct Clock {
    words: Vec<String>,
    file: PathBuf,
    _dir: tempfile::TempDir,
}

impl Clock {
    fn right() -> Result<Clock, Failed> {
        let dir = tempfile::tempdir_in(programs()?).map_err(trouble("making a folder"))?;
        let file = dir.path().join("clock");
        let words = [
            "env".to_owned(),
            format!("LD_PRELOAD={}", library()?.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", file.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ];
        let clock = Clock {
            words: words.to_vec(),
            file,
            _dir: dir,
        };
        clock.turn("+0")?;
        Ok(clock)
    }

    /// At once for every program under it.
    fn turn(&self, spelled: &str) -> Result<(), Failed> {
        let beside = self.file.with_extension("new");
        fs::write(&beside, format!("{spelled}\n"))
            .and_then(|()| fs::rename(&beside, &self.file))
            .map_err(trouble("turning the clock"))
    }

    fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }
}

fn library() -> Result<PathBuf, Failed> {
    let folders = fs::read_dir("/usr/lib").map_err(trouble("looking for libfaketime"))?;
    let found = folders
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.exists());
    found.ok_or_else(|| Failed::new("libfaketime is missing (Debian: faketime)"))
}

impl<'a> Scene<'a> {
    fn new(turn: &'a Turn, ledger: &'a Ledger) -> Result<Scene<'a>, Failed> {
        let (clock, world) = (Clock::right()?, World::with_routes(&[SLUG.to_owned()])?);
        world.bottles[0].stop_sidecar();
        world.bottles[0].start_sidecar_through(&clock.words())?;
        Ok(Scene {
            turn,
            ledger,
            clock,
            world,
        })
    }

    fn find(&self, what: &str) {
        self.ledger.find(format!("{}: {what}", self.turn.name));
    }

    fn play(&self) -> Result<(), Failed> {
        let before = self.ask("before.example.com")?;
        let refused = self.ask("refused.example.com")?;
        self.must(&["reject", &refused.id, "--notes", "no"])?;
        // Hearing of it once; from now on it sticks.
        self.ask("refused.example.com")?;
        let taken_back = self.ask("taken-back.example.com")?;
        self.call("withdraw-proposal", &json!({"proposal_id": taken_back.id}))?;
        let watch = self.watch()?;

        self.clock.turn(&self.spelled()?)?;
        let during = self.ask("during.example.com")?;
        self.expect_refusal(self.turn.refusals)?;
        self.expect_pending(&[&before, &during])?;
        self.must(&["approve", &before.id])?;
        self.must(&["prune", "--yes"])?;
        self.restart()?;
        self.expect_pending(&[&during])?;
        self.whole()?;

        self.clock.turn("+0")?;
        let after = self.ask("after.example.com")?;
        self.expect_pending(&[&during, &after])?;
        self.must(&["approve", &during.id])?;
        self.must(&["approve", &after.id])?;
        self.whole()?;
        self.watched(watch, &[&during, &after])
    }

    /// A frozen clock stands at what it says now.
    fn spelled(&self) -> Result<String, Failed> {
        if !self.turn.spelled.is_empty() {
            return Ok(self.turn.spelled.to_owned());
        }
        let now = Command::new("date").arg("+%Y-%m-%d %H:%M:%S").output();
        let now = now.map_err(trouble("date"))?;
        Ok(String::from_utf8_lossy(&now.stdout).trim().to_owned())
    }

    /// The hold ends by the monotonic clock: a call that never ends is a failure of this.
    fn call(&self, tool: &str, arguments: &Value) -> Result<Told, Failed> {
        let told = self.world.bottles[0].call(tool, arguments);
        told.ok_or_else(|| Failed::new(format!("{}: {tool} has no answer", self.turn.name)))
    }

    fn ask(&self, host: &str) -> Result<Told, Failed> {
        let arguments = json!({"host": host, "justification": "the tests need it"});
        self.call("egress-allow", &arguments)
    }

    fn expect_refusal(&self, refusals: Refusals) -> Result<(), Failed> {
        let told = self.ask("refused.example.com")?;
        let expected = match refusals {
            Refusals::Hold => "rejected",
            Refusals::Over => "pending",
        };
        if told.status != expected {
            self.find(&format!("what was refused is {}, not {expected}", told.status));
        }
        if told.status == "pending" {
            self.must(&["reject", &told.id, "--notes", "no"])?;
            self.ask("refused.example.com")?;
        }
        Ok(())
    }

    fn operate(&self, arguments: &[&str]) -> Result<Output, Failed> {
        let program = self.world.program(arguments);
        let mut words = self.clock.words().into_iter();
        Command::new(words.next().unwrap_or_default())
            .args(words)
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::null())
            .output()
            .map_err(trouble("starting supervise"))
    }

    fn must(&self, arguments: &[&str]) -> Result<String, Failed> {
        let output = self.operate(arguments)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).replace('\n', " / ");
            self.find(&format!("{}: {}: {said}", arguments.join(" "), output.status));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn expect_pending(&self, expected: &[&Told]) -> Result<(), Failed> {
        let listed = self.must(&["list", "--json"])?;
        let listed: Vec<Value> = serde_json::from_str(&listed).unwrap_or_default();
        let mut listed: Vec<&str> = listed.iter().map(|one| field(one, "id")).collect();
        let mut expected: Vec<&str> = expected.iter().map(|told| told.id.as_str()).collect();
        listed.sort_unstable();
        expected.sort_unstable();
        if listed != expected {
            self.find(&format!("pending are {listed:?}, and should be {expected:?}"));
        }
        Ok(())
    }

    fn restart(&self) -> Result<(), Failed> {
        self.world.bottles[0].stop_sidecar();
        self.world.bottles[0].start_sidecar_through(&self.clock.words())
    }

    /// The audit is in the order in which things happened, whatever their times say.
    fn whole(&self) -> Result<(), Failed> {
        self.world.expect_no_panic(self.ledger);
        self.must(&["audit", "verify", "--strict"])?;
        let exported = self.must(&["audit", "export"])?;
        let entries = exported.lines().map(serde_json::from_str::<Value>);
        let ids: Vec<i64> = entries
            .flatten()
            .filter_map(|entry| entry["id"].as_i64())
            .collect();
        if ids.is_empty() || !ids.is_sorted() {
            self.find(&format!("the audit's entries are {ids:?}"));
        }
        for database in ["bot-bottle.db".to_owned(), format!("queue/{SLUG}/supervise.db")] {
            let integrity = self.world.integrity(&database)?;
            if integrity != "ok" {
                self.find(&format!("{database}: {integrity}"));
            }
        }
        Ok(())
    }

    fn watch(&self) -> Result<Watch, Failed> {
        let out = self.world.root().join("events");
        let program = self.world.program(&["watch", "--json"]);
        let mut words = self.clock.words().into_iter();
        let child = Command::new(words.next().unwrap_or_default())
            .args(words)
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::null())
            .stdout(fs::File::create(&out).map_err(trouble("the events"))?)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(trouble("starting watch"))?;
        let mut watch = Watch { child, out };
        watch.is_ready()?;
        Ok(watch)
    }

    /// Whatever the clock says, each arrival is told.
    fn watched(&self, watch: Watch, arrived: &[&Told]) -> Result<(), Failed> {
        // It looks twice a second.
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let events = watch.end()?;
        for told in arrived {
            let count = events
                .lines()
                .filter(|line| line.contains("\"arrived\"") && line.contains(&told.id))
                .count();
            if count != 1 {
                self.find(&format!("watch told an arrival {count} times"));
            }
        }
        Ok(())
    }
}

struct Watch {
    child: Child,
    out: PathBuf,
}

impl Watch {
    /// Its first line on stderr says what is pending: from there on it notices.
    fn is_ready(&mut self) -> Result<(), Failed> {
        let mut first = [0];
        let stderr = self.child.stderr.as_mut();
        let stderr = stderr.ok_or_else(|| Failed::new("watch has no stderr"))?;
        stderr.read_exact(&mut first).map_err(trouble("watch"))
    }

    fn end(mut self) -> Result<String, Failed> {
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        self.child.wait().map_err(trouble("watch"))?;
        fs::read_to_string(Path::new(&self.out)).map_err(trouble("the events"))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
