//! `supervise watch`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use supervise_core::Tool;
use supervise_store::Checked;

use crate::world::{ROUTE, World, fixed, slug};

const PATIENCE: Duration = Duration::from_secs(20);

/// A watch that runs, and its lines as they come.
struct Watch {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Watch {
    fn start(world: &World, arguments: &[&str]) -> Watch {
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

    fn event(&self) -> Value {
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

    fn said(&self) -> String {
        self.err.recv_timeout(PATIENCE).unwrap()
    }

    fn end(&mut self) -> i32 {
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

fn hook(world: &World, name: &str, script: &str) -> String {
    let path = world.path(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn eventually(what: impl Fn() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < give_up);
        thread::sleep(Duration::from_millis(10));
    }
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

#[test]
fn a_program_gets_each_event_on_stdin() {
    let world = World::new();
    world.ask("dev");
    let path = hook(&world, "hook", "cat >> got; echo $# >> got");
    let watch = Watch::start(&world, &["--json", "--exec", &path]);
    world.propose(fixed("dev", 1, Tool::GitleaksAllow, "$(touch pwned)", "why"));
    let event = watch.event();
    let wanted = format!("{event}\n0\n");
    eventually(|| fs::read_to_string(world.path("got")).is_ok_and(|got| got.len() == wanted.len()));
    let got = fs::read_to_string(world.path("got")).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(got.lines().next().unwrap()).unwrap(),
        event
    );
    assert!(!world.path("pwned").exists());
}

#[test]
fn a_program_that_fails_is_said_once_and_disturbs_nothing() {
    let world = World::new();
    world.ask("dev");
    let loud = "head -c 200000000 /dev/zero; head -c 200000000 /dev/zero >&2; exit 1";
    for (name, script, said) in [
        ("failing", "exit 1", "failed: exit status: 1; said once"),
        ("loud", loud, "failed: exit status: 1; said once"),
        ("missing", "", "can't be run: "),
    ] {
        let path = hook(&world, name, script);
        if name == "missing" {
            fs::remove_file(&path).unwrap();
        }
        let watch = Watch::start(&world, &["--json", "--exec", &path]);
        for _ in 0..3 {
            world.ask("dev");
            assert_eq!(watch.event()["event"], "arrived", "{name}");
        }
        let warning = watch.said();
        assert!(warning.contains(said), "{warning}");
        assert!(
            watch.err.recv_timeout(Duration::from_millis(1_500)).is_err(),
            "{name}"
        );
    }
}

#[test]
fn a_program_that_hangs_holds_nothing_up_and_ends_with_us() {
    let world = World::new();
    world.ask("dev");
    let path = hook(&world, "hanging", "echo $$ > pid; sleep 1000");
    let mut watch = Watch::start(&world, &["--json", "--exec", &path]);
    for _ in 0..3 {
        world.ask("dev");
        assert_eq!(watch.event()["event"], "arrived");
    }
    eventually(|| fs::read_to_string(world.path("pid")).is_ok_and(|pid| pid.ends_with('\n')));
    assert_eq!(watch.end(), 130);
    let pid = fs::read_to_string(world.path("pid")).unwrap();
    let status = std::path::PathBuf::from(format!("/proc/{}/cmdline", pid.trim()));
    eventually(|| fs::read(&status).map_or(true, |line| line.is_empty()));
}
