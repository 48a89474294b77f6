//! Commands that fail in every way a command can: the file is put back, and nobody is told.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::bottle::{Bottle, FILE};
use crate::terminal::Terminal;
use crate::world::World;

const MEND: &str = "run it by hand once it is mended: ";

/// With the second run, for the old file, going well.
const ONCE: &str = "if [ -e refused ]; then rm refused; cat \"$1\" > \"$2\"; exit; fi\n: > refused\n";

#[test]
fn however_it_fails_the_old_file_is_put_back_and_in_force() {
    let table = [
        ("exit 3", "exit status: 3"),
        ("kill -9 $$", "signal: 9 (SIGKILL)"),
        (
            "head -c 1G /dev/zero; echo; echo the reason; exit 1",
            "the reason",
        ),
        // What it leaves behind keeps its output open.
        ("sleep 5 & echo the reason; exit 1", "the reason"),
    ];
    for (script, said) in table {
        let world = World::new();
        let bottle = Bottle::new(&world);
        bottle.script(&format!("{ONCE}{script}"));
        let proposal = world.ask("dev");
        bottle.refuses(&proposal, said);
        bottle.is_as_before();
        assert_eq!(bottle.in_force().as_deref(), Some(FILE), "{script}");
    }
}

#[test]
fn what_can_not_be_started_leaves_the_old_file() {
    let program = "reload = [\"{root}/nowhere/reload\"]\n";
    for (make, said) in [(false, "No such file"), (true, "Permission denied")] {
        let world = World::new();
        let bottle = Bottle::new(&world);
        let config = format!("[egress]\nroutes_file = \"egress/{{slug}}/routes.yaml\"\n{program}");
        fs::write(bottle.root().join("supervise.toml"), config).unwrap();
        if make {
            fs::create_dir(bottle.root().join("nowhere")).unwrap();
            let path = bottle.root().join("nowhere/reload");
            fs::write(&path, "#!/bin/sh\n").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let proposal = world.ask("dev");
        let ran = bottle.refuses(&proposal, said);
        assert!(ran.err.contains("can't be started"), "{}", ran.err);
        bottle.is_as_before();
    }
}

#[test]
fn where_the_old_file_can_not_be_put_in_force_either_that_is_said() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    bottle.script("exit 6");
    let proposal = world.ask("dev");
    let ran = bottle.refuses(&proposal, "putting the old file in force failed too");
    assert!(ran.err.contains(MEND), "{}", ran.err);
    bottle.is_as_before();
}

#[test]
fn a_daemon_that_keeps_the_output_open_is_not_waited_for() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    bottle.script("sleep 30 & echo $! > daemon; cat \"$1\" > \"$2\"");
    let proposal = world.ask("dev");
    world.run(&["approve", &proposal.id]).expect(0);
    assert_eq!(bottle.in_force(), Some(bottle.text()));
    let daemon = fs::read_to_string(bottle.root().join("daemon")).unwrap();
    let daemon = rustix::process::Pid::from_raw(daemon.trim().parse().unwrap()).unwrap();
    // It still runs: it was neither waited for nor ended.
    rustix::process::kill_process(daemon, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_rebuild_that_fails_puts_the_dockerfile_back() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = bottle.ask_capability("FROM debian:13\n");
    fs::write(bottle.dockerfile(), "FROM debian:12\n").unwrap();
    bottle.script(&format!("{ONCE}echo no such image; exit 1"));
    bottle.refuses(&proposal, "no such image");
    assert_eq!(
        fs::read_to_string(bottle.dockerfile()).unwrap(),
        "FROM debian:12\n"
    );
    assert_eq!(bottle.built().as_deref(), Some("FROM debian:12\n"));
}

/// The real limit of a reload, with a command that won't hear of SIGTERM.
#[test]
#[ignore = "takes the thirty seconds that a reload may take"]
fn long_the_limit_ends_a_command_with_all_it_started() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    bottle.script(&format!(
        "{ONCE}trap '' TERM HUP INT\nsleep 300 & echo $! > child\nwhile :; do sleep 1; done"
    ));
    let proposal = world.ask("dev");
    bottle.refuses(&proposal, "ran longer than 30 s and was stopped");
    bottle.is_as_before();
    assert_eq!(bottle.in_force().as_deref(), Some(FILE));
    let child = fs::read_to_string(bottle.root().join("child")).unwrap();
    let state = fs::read_to_string(format!("/proc/{}/stat", child.trim()));
    assert!(state.is_err() || state.is_ok_and(|state| state.contains(") Z ")));
}

#[test]
#[ignore = "takes the ten seconds after which something is said"]
fn long_a_rebuild_at_a_terminal_says_that_it_goes_on() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = bottle.ask_capability("FROM debian:13\n");
    bottle.script("sleep 11; cat \"$1\" > \"$2\"");
    let mut terminal = Terminal::start(&world, &["approve", &proposal.id], &[]);
    terminal.wait_for("still rebuilding, 10 s");
    terminal.wait_for("is written and in force");
    assert_eq!(terminal.wait(), 0);
}
