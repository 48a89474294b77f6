//! `supervise watch`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use supervise_core::Tool;
use supervise_store::Checked;

use crate::world::{ROUTE, World, fixed, slug};

const PATIENCE: Duration = Duration::from_secs(30);

/// A watch that runs, and its lines as they come.
pub(crate) struct Watch {
    pub(crate) child: Child,
    pub(crate) out: Receiver<String>,
    pub(crate) err: Receiver<String>,
}

impl Watch {
    pub(crate) fn start(world: &World, arguments: &[&str]) -> Watch {
        let mut command = world.command(&[&["watch"], arguments].concat());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        let watch = Watch { child, out, err };
        assert!(watch.said().starts_with("watching; "));
        watch
    }

    pub(crate) fn event(&self) -> Value {
        serde_json::from_str(&self.out.recv_timeout(PATIENCE).unwrap()).unwrap()
    }

    #[track_caller]
    fn expect(&self, event: &str, summary: &str) -> Value {
        let value = self.event();
        assert_eq!(
            (&value["event"], &value["summary"]),
            (&event.into(), &summary.into())
        );
        value
    }

    pub(crate) fn said(&self) -> String {
        self.err.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn end(&mut self) -> i32 {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        lines
            .map(|line| sender.send(line))
            .take_while(Result::is_ok)
            .count()
    });
    receiver
}

#[test]
fn everything_that_happens_is_told() {
    let world = World::new();
    world.ask("before");
    let mut watch = Watch::start(&world, &["--json"]);
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "why"));
    watch.expect("bottle-appeared", "dev: bottle-appeared");
    let event = watch.expect("arrived", "dev: arrived, egress-allow for api.example.com");
    assert_eq!(event["id"], proposal.id);
    assert_eq!(event["digest"], proposal.digest().to_string());
    assert_eq!(
        (&event["host"], &event["status"]),
        (&"api.example.com".into(), &Value::Null)
    );

    world.sql(
        "dev",
        &format!("INSERT INTO supervise_joins VALUES ('{}', 2)", proposal.id),
    );
    assert_eq!(
        watch.expect("joined", "dev: joined, egress-allow for api.example.com")["joined"],
        2
    );
    // Whatever was told before is remembered by the time of the next event.
    assert_eq!(world.shown(&proposal), Some(proposal.digest()));
    // Its last caller is told that nobody decided; whoever checks later and is told so again is no news.
    for _ in 0..2 {
        world.with_queue(&slug("dev"), async |queue| {
            let Checked::Held(hold) = queue.proposal_check(&proposal.id).await.unwrap() else {
                panic!("it is pending");
            };
            hold.time_out();
        });
    }
    watch.expect("timed-out", "dev: timed-out, egress-allow for api.example.com");
    world.run(&["reject", &proposal.id, "--notes", "no"]).expect(0);
    let event = watch.expect("decided", "dev: rejected, egress-allow for api.example.com");
    assert_eq!(event["status"], "rejected");

    let other = world.propose(fixed("dev", 2, Tool::CapabilityBlock, "FROM x\n", "why"));
    watch.expect("arrived", "dev: arrived, capability-block");
    world.with_queue(&slug("dev"), async |queue| {
        queue.proposal_withdraw(&other.id).await.unwrap()
    });
    watch.expect("withdrawn", "dev: withdrawn, capability-block");
    fs::remove_dir_all(world.root.queue_dir(&slug("dev"))).unwrap();
    watch.expect("bottle-gone", "dev: bottle-gone");
    assert_eq!(watch.end(), 130);
}

#[test]
fn lines_for_people_hold_nothing_a_terminal_acts_on() {
    let world = World::new();
    let watch = Watch::start(&world, &["--color", "never"]);
    world.propose(fixed("dev", 1, Tool::CapabilityBlock, "FROM x\u{1b}[2J\n", "why"));
    assert!(
        watch
            .out
            .recv_timeout(PATIENCE)
            .unwrap()
            .contains("bottle-appeared")
    );
    let line = watch.out.recv_timeout(PATIENCE).unwrap();
    assert!(
        line.contains("  arrived ") && line.contains("capability-block FROM x<U+001B>[2J"),
        "{line}"
    );
}

#[test]
fn a_bottle_that_was_named_is_the_only_one() {
    let world = World::new();
    world.run(&["watch", "--bottle", "none"]).expect(3);
    world.ask("dev");
    let watch = Watch::start(&world, &["--json", "--bottle", "dev"]);
    world.ask("other");
    world.propose(fixed("dev", 1, Tool::GitleaksAllow, "x", "why"));
    watch.expect("arrived", "dev: arrived, gitleaks-allow");
}
