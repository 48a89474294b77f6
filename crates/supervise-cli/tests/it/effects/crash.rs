//! The program killed in the middle of an effect: the next to look finishes or undoes it, once.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use supervise_core::Proposal;
use supervise_store::AuditRow;

use super::bottle::{Bottle, FILE};
use crate::world::World;

/// Kills the program, then does what a reload does.
const KILLS: &str = "kill -9 $PPID\ncat \"$1\" > \"$2\"; echo done >> reloads\n";
/// Refuses, and kills the program when it puts the old file in force.
const KILLS_LATER: &str = "if [ ! -e refused ]; then : > refused; exit 9; fi\nkill -9 $PPID\n";
const RELOADS: &str = "cat \"$1\" > \"$2\"; echo done >> reloads\n";

/// A bottle whose operator approved something, and was killed by what `script` does.
fn killed<'a>(world: &'a World, script: &str) -> (Bottle<'a>, Proposal) {
    let bottle = Bottle::new(world);
    bottle.script(script);
    let proposal = world.ask("dev");
    let output = world.command(&["approve", &proposal.id]).output().unwrap();
    assert_eq!(
        output.status.signal(),
        Some(9),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Nobody is told anything yet.
    assert!(matches!(
        world.find(&proposal).state,
        supervise_store::State::BeingDecided
    ));
    (bottle, proposal)
}

#[test]
fn killed_during_the_reload_it_is_finished() {
    let world = World::new();
    let (bottle, proposal) = killed(&world, KILLS);
    bottle.script(RELOADS);
    let ran = world.run(&["list"]).expect(0);
    assert!(
        ran.err.contains("finished an interrupted decision"),
        "{}",
        ran.err
    );
    assert_eq!(
        bottle.answer(&proposal),
        Some(("approved".to_owned(), Some(true)))
    );
    assert_eq!(bottle.in_force(), Some(bottle.text()));
    assert!(bottle.text().contains("api.example.com"));
    assert_eq!(world.audit().len(), 1);
    assert!(!world.run(&["list"]).expect(0).err.contains("interrupted"));
}

#[test]
fn killed_during_the_reload_and_then_failing_it_is_undone() {
    let world = World::new();
    let (bottle, proposal) = killed(&world, KILLS);
    bottle.script("exit 4");
    let ran = world.run(&["list"]).expect(0);
    assert!(ran.err.contains("undid an interrupted decision"), "{}", ran.err);
    assert_eq!((bottle.text().as_str(), bottle.answer(&proposal)), (FILE, None));
    let audit = world.audit();
    assert_eq!(audit.len(), 1);
    assert_eq!(audit[0].entry.operator_action, "apply-failed");
}

#[test]
fn killed_while_it_puts_things_back_it_is_undone() {
    let world = World::new();
    let (bottle, proposal) = killed(&world, KILLS_LATER);
    assert_eq!(bottle.text(), FILE);
    bottle.script(RELOADS);
    world.run(&["list"]).expect(0);
    assert_eq!((bottle.text().as_str(), bottle.answer(&proposal)), (FILE, None));
    assert_eq!(bottle.in_force().as_deref(), Some(FILE));
}

#[test]
fn what_somebody_else_changed_meanwhile_is_left_alone() {
    let world = World::new();
    let (bottle, proposal) = killed(&world, KILLS);
    fs::write(bottle.routes(), "# mine\n").unwrap();
    world.run(&["list"]).expect(0);
    assert_eq!(
        (bottle.text().as_str(), bottle.answer(&proposal)),
        ("# mine\n", None)
    );
    let audit = world.audit();
    assert!(
        audit[0].entry.operator_notes.contains("changed by somebody else"),
        "{audit:?}"
    );
}

/// As a decision about another bottle that shares the file leaves it.
#[test]
fn a_route_that_somebody_else_left_in_the_file_is_not_called_undone() {
    let world = World::new();
    let (bottle, proposal) = killed(&world, KILLS);
    bottle.script(RELOADS);
    fs::write(
        bottle.routes(),
        format!("{}  - host: other.example\n", bottle.text()),
    )
    .unwrap();
    world.run(&["list"]).expect(0);
    assert_eq!(
        bottle.answer(&proposal),
        Some(("approved".to_owned(), Some(true)))
    );
    assert!(bottle.text().contains("api.example.com"));
    assert_eq!(bottle.in_force(), Some(bottle.text()));
    assert_eq!(world.audit()[0].entry.operator_action, "approved");
}

#[test]
fn a_route_that_stays_without_being_in_force_is_told_of() {
    let world = World::new();
    let (bottle, proposal) = killed(&world, KILLS);
    bottle.script("exit 4");
    let text = format!("{}# mine\n", bottle.text());
    fs::write(bottle.routes(), &text).unwrap();
    world.run(&["list"]).expect(0);
    assert_eq!((bottle.text(), bottle.answer(&proposal)), (text, None));
    let audit = world.audit();
    assert_eq!(audit[0].entry.operator_action, "apply-failed");
    assert!(
        audit[0].entry.operator_notes.contains("it is still there"),
        "{audit:?}"
    );
}

#[test]
fn the_next_decision_settles_it_first() {
    let world = World::new();
    let (bottle, proposal) = killed(&world, KILLS);
    bottle.script(RELOADS);
    let ran = world.run(&["reject", &proposal.id, "--notes", "no"]).expect(4);
    assert!(ran.err.contains("is already approved"), "{}", ran.err);
    assert_eq!(bottle.in_force(), Some(bottle.text()));
}

/// The interrupted run's command still has the new file in hand when the old one is put in force again.
#[test]
fn a_command_that_outlived_its_program_is_ended() {
    let world = World::new();
    let slow = "new=$(cat \"$1\"); kill -9 $PPID; sleep 1; echo \"$new\" > \"$2\"";
    let (bottle, proposal) = killed(&world, slow);
    bottle.script("if [ ! -e refused ]; then : > refused; exit 9; fi; cat \"$1\" > \"$2\"");
    world.run(&["list"]).expect(0);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!((bottle.text().as_str(), bottle.answer(&proposal)), (FILE, None));
    assert_eq!(bottle.in_force().as_deref(), Some(FILE));
}

/// Killed at forty moments spread over the whole decision, whatever it is doing then.
#[test]
fn killed_at_any_moment_there_is_one_effect_or_none() {
    const ROUNDS: u32 = 40;
    let mut ends = [0, 0];
    for round in 0..ROUNDS {
        let world = World::new();
        let bottle = Bottle::new(&world);
        bottle.script(&format!("sleep 0.02\n{RELOADS}"));
        let proposal = world.ask("dev");
        let mut command = world.command(&["approve", &proposal.id]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(2) * round);
        let _ = child.kill();
        child.wait().unwrap();
        // A reload that outlived its program ends on its own.
        std::thread::sleep(Duration::from_millis(60));
        let ran = world.run(&["list"]).expect(0);
        let (text, audit) = (bottle.text(), world.audit());
        match bottle.answer(&proposal) {
            Some((status, applied)) => {
                assert_eq!((status.as_str(), applied), ("approved", Some(true)));
                assert!(text.contains("api.example.com"), "{text}");
                assert_eq!(bottle.in_force(), Some(text));
                assert_eq!(audit.len(), 1);
                assert_eq!(audit[0].entry.operator_action, "approved");
                ends[0] += 1;
            }
            None => {
                assert_eq!(text, FILE, "{}", ran.err);
                let failed = |row: &AuditRow| row.entry.operator_action == "apply-failed";
                assert!(audit.len() <= 1 && audit.iter().all(failed), "{audit:?}");
                assert_eq!(bottle.litter(), ["routes.yaml"]);
                assert!(bottle.in_force().is_none_or(|text| text == FILE));
                ends[1] += 1;
            }
        }
        assert!(!world.run(&["list"]).expect(0).err.contains("interrupted"));
    }
    eprintln!(
        "killed at {ROUNDS} moments: {} in effect, {} not",
        ends[0], ends[1]
    );
}
