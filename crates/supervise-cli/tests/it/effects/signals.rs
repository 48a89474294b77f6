//! Ctrl-C, a closed terminal and a closed pipe while something is decided: it comes to an end, and only one.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::bottle::{Bottle, FILE};
use crate::world::{Ran, World};

const PATIENCE: Duration = Duration::from_secs(20);

/// The first run says that it has begun and waits to be ended; the next ones do their work.
const HANGS_ONCE: &str = "if [ ! -e begun ]; then : > begun; sleep 60 & wait; fi; cat \"$1\" > \"$2\"\n";

fn started(world: &World, arguments: &[&str]) -> Child {
    let mut command = world.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn wait_for(bottle: &Bottle<'_>, name: &str) {
    let give_up = Instant::now() + PATIENCE;
    while !bottle.root().join(name).exists() {
        assert!(Instant::now() < give_up, "no {name}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn end(child: Child) -> Ran {
    Ran::of(child.wait_with_output().unwrap())
}

#[test]
fn a_signal_during_the_command_puts_the_old_file_back() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let world = World::new();
        let bottle = Bottle::new(&world);
        bottle.script(HANGS_ONCE);
        let proposal = world.ask("dev");
        let child = started(&world, &["approve", &proposal.id]);
        wait_for(&bottle, "begun");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ran = end(child).expect(7);
        assert!(ran.err.contains("was interrupted"), "{}", ran.err);
        bottle.is_as_before();
        assert_eq!(bottle.in_force().as_deref(), Some(FILE));
        assert_eq!(bottle.answer(&proposal), None);
        assert_eq!(world.audit()[0].entry.operator_action, "apply-failed");
        world.run(&["approve", &proposal.id]).expect(0);
    }
}

#[test]
fn a_wait_for_another_decision_says_so_and_ends_at_once() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    bottle.script(HANGS_ONCE);
    let (first, second) = (world.ask("dev"), bottle.ask_capability("FROM debian:13\n"));
    let deciding = started(&world, &["approve", &first.id]);
    wait_for(&bottle, "begun");
    let mut waiting = started(&world, &["approve", &second.id]);
    let mut said = String::new();
    let mut talk = BufReader::new(waiting.stderr.take().unwrap());
    talk.read_line(&mut said).unwrap();
    assert!(said.contains("another decision is under way in dev"), "{said}");
    let asked = Instant::now();
    kill_process(Pid::from_child(&waiting), Signal::INT).unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    kill_process(Pid::from_child(&deciding), Signal::INT).unwrap();
    end(deciding).expect(7);
    assert_eq!(bottle.answer(&second), None);
}

#[test]
fn after_a_signal_nothing_more_is_begun() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    bottle.script(HANGS_ONCE);
    let (first, second) = (world.ask("dev"), bottle.ask_capability("FROM debian:13\n"));
    let child = started(&world, &["approve", &first.id, &second.id]);
    wait_for(&bottle, "begun");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ran = end(child).expect(7);
    assert!(
        ran.err.contains("what was not decided is still pending"),
        "{}",
        ran.err
    );
    assert_eq!((bottle.answer(&first), bottle.answer(&second)), (None, None));
    assert_eq!(bottle.built(), None);
}

#[test]
fn asked_twice_it_does_not_wait_for_the_old_image() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = bottle.ask_capability("FROM debian:13\n");
    fs::write(bottle.dockerfile(), "FROM debian:12\n").unwrap();
    bottle.script("if [ -e begun ]; then : > again; else : > begun; fi; sleep 60 & wait");
    let child = started(&world, &["approve", &proposal.id]);
    let pid = Pid::from_child(&child);
    wait_for(&bottle, "begun");
    kill_process(pid, Signal::INT).unwrap();
    wait_for(&bottle, "again");
    kill_process(pid, Signal::INT).unwrap();
    let ran = end(child).expect(7);
    assert!(ran.err.contains("run it by hand"), "{}", ran.err);
    assert_eq!(
        fs::read_to_string(bottle.dockerfile()).unwrap(),
        "FROM debian:12\n"
    );
    assert_eq!(bottle.answer(&proposal), None);
}

#[test]
fn a_reader_that_has_gone_loses_no_decision() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let (first, second) = (world.ask("dev"), bottle.ask_capability("FROM debian:13\n"));
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = world.command(&["approve", "--json", &first.id, &second.id]);
    let status = command
        .stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    let approved = Some(("approved".to_owned(), Some(true)));
    assert_eq!(
        (bottle.answer(&first), bottle.answer(&second)),
        (approved.clone(), approved)
    );
}
