//! The operator's own programs: `watch --exec` and `[notify] command`, also those that misbehave.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};
use serde_json::Value;
use supervise_core::{Proposal, Tool};

use crate::terminal::Terminal;
use crate::watch::Watch;
use crate::world::{ROUTE, World, fixed, slug};

/// Longer than a hook may take.
const PATIENCE: Duration = Duration::from_secs(30);
const QUESTION: &str = "skip or quit?";

/// What a hook can do wrong, and what is said of it.
const BAD: [(&str, &str, &str); 5] = [
    ("failing", "exit 1", "failed: exit status: 1; said once"),
    (
        "loud",
        "head -c 1000000000 /dev/zero; head -c 1000000000 /dev/zero >&2; exit 1",
        "failed: exit status: 1; said once",
    ),
    ("missing", "", "can't be run: "),
    ("deaf", "exec 0<&-; exit 1", "failed: exit status: 1; said once"),
    (
        "hanging",
        "echo $$ >> pids; sleep 1000",
        "was stopped after 10 s; said once",
    ),
];

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

/// A root whose `[notify] command` is a script.
fn notified(world: &World, script: &str) {
    configure(world, &hook(world, "notified", script));
}

fn configure(world: &World, program: &str) {
    let text = format!("[notify]\ncommand = [\"{program}\", \"{{summary}}\", \"{{slug}}\", \"{{root}}\"]\n");
    fs::create_dir_all(world.root.path()).unwrap();
    fs::write(world.root.config(), text).unwrap();
    fs::set_permissions(world.root.config(), fs::Permissions::from_mode(0o600)).unwrap();
}

/// A script that misbehaves, or the path of none.
fn bad(world: &World, name: &str, script: &str) -> String {
    let script = script.replace("pids", &world.path("pids").display().to_string());
    let path = hook(world, name, &script);
    if name == "missing" {
        fs::remove_file(&path).unwrap();
    }
    path
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The states of a process' children.
fn children(parent: u32) -> Vec<String> {
    let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let state = fields.next()?.to_owned();
        (fields.next()?.parse() == Ok(parent)).then_some(state)
    });
    stats.collect()
}

/// The most memory it ever had, in KiB.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn is_gone(pid: &str) -> bool {
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    test_kill_process(pid).is_err() || stat.map_or(true, |stat| stat.contains(") Z "))
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
fn the_command_is_run_once_for_each_arrival_and_is_told_no_more_than_it_may() {
    let world = World::new();
    world.ask("dev");
    notified(&world, "printf '%s|' \"$#\" \"$@\" >> got; pwd >> got");
    let watch = Watch::start(&world, &["--json"]);
    let secret = "sk-abcdefghijklmnopqrstuvwxyz; $(touch pwned) `touch pwned`";
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, secret));
    watch.event();
    let got = world.root.path().join("got");
    eventually(|| lines(&got).len() == 1);
    // What is no arrival is not told.
    world.run(&["reject", &proposal.id, "--notes", "no"]).expect(0);
    watch.event();
    world.propose(fixed("dev", 2, Tool::CapabilityBlock, secret, "-option"));
    watch.event();
    eventually(|| lines(&got).len() == 2);
    let root = world.root.path().display();
    let wanted = ["egress-allow for api.example.com", "capability-block"];
    let wanted = wanted.map(|subject| format!("3|dev: {subject}|dev|{root}|{root}"));
    assert_eq!(lines(&got), wanted);
    assert!(!world.root.path().join("pwned").exists());
}

#[test]
fn a_crowd_is_told_in_a_few_runs() {
    let world = World::new();
    world.ask("dev");
    notified(
        &world,
        "while [ ! -e go ]; do sleep 0.01; done; echo \"$1\" >> got",
    );
    let watch = Watch::start(&world, &["--json"]);
    let all = 120;
    world.with_queue(&slug("dev"), async |queue| {
        for _ in 0..all {
            let proposal = Proposal::new(queue.slug(), Tool::EgressAllow, ROUTE, "why");
            queue.proposal_submit(proposal).await.unwrap();
        }
    });
    (0..all).for_each(|_| drop(watch.event()));
    fs::write(world.root.path().join("go"), "").unwrap();
    let got = world.root.path().join("got");
    // One is running, ten wait, and one tells the rest.
    eventually(|| lines(&got).len() == 12);
    let told = lines(&got).iter().fold(0, |sum, line| {
        let (_, rest) = line.split_once("dev: egress-allow for api.example.com").unwrap();
        let more = rest
            .strip_prefix(" and ")
            .and_then(|rest| rest.strip_suffix(" more"));
        sum + 1 + more.map_or(0, |more| more.parse::<usize>().unwrap())
    });
    assert_eq!(told, all);
}

#[test]
fn watch_goes_on_beside_programs_that_misbehave_and_says_so_once() {
    thread::scope(|scope| {
        for (name, script, said) in BAD {
            scope.spawn(move || {
                let world = World::new();
                world.ask("dev");
                let path = bad(&world, name, script);
                configure(&world, &path);
                let mut watch = Watch::start(&world, &["--json", "--exec", &path]);
                for _ in 0..3 {
                    world.ask("dev");
                    assert_eq!(watch.event()["event"], "arrived", "{name}");
                }
                let mut warnings = [watch.said(), watch.said()];
                warnings.sort();
                for (warning, of) in warnings.iter().zip([&path, &format!("[notify] {path}")]) {
                    let wanted = format!("warning: {of} {said}");
                    assert!(warning.starts_with(&wanted), "{name}: {warning}");
                }
                // What follows fails as well, and is not worth another word.
                world.ask("dev");
                assert_eq!(watch.event()["event"], "arrived", "{name}");
                assert!(
                    watch.err.recv_timeout(Duration::from_millis(1_500)).is_err(),
                    "{name}"
                );
                let process = watch.child.id();
                assert!(!children(process).contains(&"Z".to_owned()), "{name}");
                assert!(peak_memory(process) < 100 << 10, "{name}");
                assert_eq!(watch.end(), 130, "{name}");
                eventually(|| lines(&world.path("pids")).iter().all(|pid| is_gone(pid)));
            });
        }
    });
}

#[test]
fn review_goes_on_beside_a_command_that_misbehaves_and_says_so_once() {
    thread::scope(|scope| {
        for (name, script, said) in BAD {
            scope.spawn(move || {
                let world = World::new();
                world.ask("dev");
                configure(&world, &bad(&world, name, script));
                let mut terminal = Terminal::start(&world, &["review", "--follow"], &[]);
                // The question about what was there before stands while others come.
                terminal.wait_for(QUESTION);
                world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "reason 1"));
                let start = said.split(' ').next().unwrap();
                terminal.wait_for(&format!("{name} {start}"));
                terminal.type_in("s");
                terminal.wait_for("reason 1");
                terminal.wait_for(QUESTION);
                world.propose(fixed("dev", 2, Tool::EgressAllow, ROUTE, "reason 2"));
                // By then the second run has been told of too, were it told.
                thread::sleep(Duration::from_millis(2_500));
                terminal.type_in("s");
                terminal.wait_for("reason 2");
                terminal.wait_for(QUESTION);
                terminal.type_in("q");
                assert_eq!(terminal.wait(), 0, "{name}");
                assert_eq!(terminal.screen().matches("[notify]").count(), 1, "{name}");
                eventually(|| lines(&world.path("pids")).iter().all(|pid| is_gone(pid)));
            });
        }
    });
}

#[test]
fn review_tells_of_what_arrives_while_a_question_is_open_and_only_when_it_follows() {
    let world = World::new();
    world.ask("dev");
    notified(&world, "echo \"$1\" >> got");
    let got = world.root.path().join("got");
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for(QUESTION);
    world.ask("dev");
    thread::sleep(Duration::from_millis(1_500));
    terminal.type_in("q");
    assert_eq!(terminal.wait(), 0);
    assert!(!got.exists());
    let mut terminal = Terminal::start(&world, &["review", "--follow"], &[]);
    terminal.wait_for(QUESTION);
    world.propose(fixed("dev", 1, Tool::GitleaksAllow, "x", "why"));
    eventually(|| got.exists());
    terminal.type_in("q");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(lines(&got), ["dev: gitleaks-allow"]);
}

#[test]
fn a_program_that_hangs_ends_with_us() {
    let world = World::new();
    world.ask("dev");
    let script = format!("echo $$ >> {}; sleep 1000", world.path("pids").display());
    let path = hook(&world, "hanging", &script);
    configure(&world, &path);
    let mut watch = Watch::start(&world, &["--json", "--exec", &path]);
    for _ in 0..3 {
        world.ask("dev");
        assert_eq!(watch.event()["event"], "arrived");
    }
    eventually(|| lines(&world.path("pids")).len() == 2);
    assert_eq!(children(watch.child.id()).len(), 2);
    assert_eq!(watch.end(), 130);
    eventually(|| lines(&world.path("pids")).iter().all(|pid| is_gone(pid)));
    // Those that waited for their turn never get it.
    assert_eq!(lines(&world.path("pids")).len(), 2);
}

#[test]
fn an_agents_words_cannot_name_the_program() {
    let world = World::new();
    world.ask("dev");
    configure(&world, "/bin/{summary}");
    let ran = world.run(&["watch"]).expect(2);
    assert!(ran.err.contains("can't name the program"), "{}", ran.err);
}
