//! The bottle's side writes to its queue while an effect is carried out: what nobody can be told is not in force.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use supervise_core::Proposal;
use supervise_store::State;

use super::bottle::{Bottle, FILE};
use crate::world::{Ran, World};

const PATIENCE: Duration = Duration::from_secs(20);
/// The first run waits until it is told to go on.
const WAITS_ONCE: &str = "if [ ! -e begun ]; then : > begun; while [ ! -e go ]; do sleep 0.01; done; fi
[ ! -e \"$1\" ] || cat \"$1\" > \"$2\"; echo done >> reloads
";

/// Approves, and has `statements` run on the queue while the command runs.
fn approve_meanwhile(world: &World, bottle: &Bottle<'_>, proposal: &Proposal, statements: &str) -> Ran {
    bottle.script(WAITS_ONCE);
    let mut command = world.command(&["approve", &proposal.id]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let give_up = Instant::now() + PATIENCE;
    while !bottle.root().join("begun").exists() {
        assert!(Instant::now() < give_up, "the command was not run");
        thread::sleep(Duration::from_millis(2));
    }
    world.sql("dev", statements);
    fs::write(bottle.root().join("go"), "").unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

fn actions(world: &World) -> Vec<String> {
    let rows = world.audit().into_iter();
    rows.map(|row| row.entry.operator_action).collect()
}

/// What takes the proposal away from the decision, as the other program could do it.
fn take_back(proposal: &Proposal) -> String {
    let id = &proposal.id;
    format!("DELETE FROM supervise_claims; UPDATE supervise_proposals SET archived = 1 WHERE id = '{id}'")
}

#[test]
fn a_route_that_is_no_longer_asked_for_is_taken_out_again() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    let ran = approve_meanwhile(&world, &bottle, &proposal, &take_back(&proposal)).expect(7);
    assert!(ran.err.contains("no longer what was decided"), "{}", ran.err);
    assert!(!ran.err.contains("still pending"), "{}", ran.err);
    bottle.is_as_before();
    assert_eq!(bottle.in_force().as_deref(), Some(FILE));
    assert_eq!(actions(&world), ["apply-failed"]);
    assert!(matches!(world.find(&proposal).state, State::Withdrawn));
}

#[test]
fn so_is_an_image() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    fs::write(bottle.dockerfile(), "FROM debian:12\n").unwrap();
    let proposal = bottle.ask_capability("FROM debian:13\n");
    approve_meanwhile(&world, &bottle, &proposal, &take_back(&proposal)).expect(7);
    assert_eq!(bottle.built().as_deref(), Some("FROM debian:12\n"));
    assert_eq!(actions(&world), ["apply-failed"]);
}

#[test]
fn what_only_the_answer_is_refused_is_said_to_be_in_force() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    // The next row gets a number below one, which a trigger of ours refuses; nothing shows that before.
    let numbered = "CREATE TRIGGER supervise_responses_numbered AFTER INSERT ON supervise_responses
WHEN NEW.rowid < 1
BEGIN SELECT RAISE(ABORT, 'a row number below one'); END";
    let refuse = format!(
        "DROP TRIGGER supervise_responses_numbered;
        INSERT INTO supervise_responses (rowid, proposal_id, status, notes) VALUES (-9, 'x', 'rejected', '');
        {numbered}"
    );
    let ran = approve_meanwhile(&world, &bottle, &proposal, &refuse).expect(1);
    assert!(ran.err.contains("is approved and in force"), "{}", ran.err);
    assert!(ran.err.contains("supervise routes edit dev"), "{}", ran.err);
    assert!(bottle.text().contains("api.example.com"));
    assert_eq!(actions(&world), ["approved", "apply-failed"]);

    let found = world.run(&["doctor", "--bottle", "dev"]);
    assert!(found.out.contains("audit entry 1 is in force"), "{}", found.out);
    assert!(
        found.out.contains("mend: supervise routes edit dev"),
        "{}",
        found.out
    );

    fs::write(world.path("routes.yaml"), FILE).unwrap();
    let file = world.path("routes.yaml");
    let edit = ["routes", "edit", "dev", "--yes", "--file", file.to_str().unwrap()];
    world.run(&edit).expect(0);
    let found = world.run(&["doctor", "--bottle", "dev"]);
    assert!(!found.out.contains("is in force"), "{}", found.out);
}
