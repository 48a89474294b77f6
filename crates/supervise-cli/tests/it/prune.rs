//! `supervise prune`.

use std::fs;

use serde_json::Value;
use supervise_core::{Proposal, Tool};
use supervise_store::State;
use time::macros::datetime;

use crate::terminal::Terminal;
use crate::world::{World, slug};

/// A proposal that arrived years ago, or now, and is approved and archived.
fn archived(world: &World, bottle: &str, payload: &str, old: Age) -> Proposal {
    let proposal = Proposal::new(&slug(bottle), Tool::GitleaksAllow, payload, "j");
    let proposal = match old {
        Age::Old => proposal.with_arrival(datetime!(2020-01-01 00:00 UTC)),
        Age::New => proposal,
    };
    world.propose(proposal.clone());
    world.run(&["show", &proposal.id]).expect(0);
    world.run(&["approve", &proposal.id]).expect(0);
    world.sql(
        bottle,
        "UPDATE supervise_proposals SET archived = 1 WHERE id IN (SELECT proposal_id FROM supervise_responses);
        UPDATE supervise_responses SET archived = 1",
    );
    proposal
}

#[derive(Clone, Copy)]
enum Age {
    Old,
    New,
}

/// Two old ones and a new one in `dev`, and an old one that is pending.
fn bottle(world: &World) -> Vec<Proposal> {
    let mut all = vec![
        archived(world, "dev", "a", Age::Old),
        archived(world, "dev", "b", Age::Old),
        archived(world, "dev", "c", Age::New),
    ];
    let pending = Proposal::new(&slug("dev"), Tool::GitleaksAllow, "d", "j");
    all.push(world.propose(pending.with_arrival(datetime!(2020-01-01 00:00 UTC))));
    all
}

fn are_there(world: &World, proposals: &[Proposal]) -> Vec<bool> {
    world.with_queue(&slug("dev"), async |queue| {
        let mut there = Vec::new();
        for proposal in proposals {
            there.push(!queue.proposal_find(&proposal.id).await.unwrap().is_empty());
        }
        there
    })
}

#[test]
fn old_archived_proposals_go_and_nothing_else() {
    let world = World::new();
    let all = bottle(&world);
    let entries = world.audit().len();
    let ran = world.run(&["prune", "--yes", "--json"]).expect(0);
    let object = &ran.json()[0];
    assert_eq!(object["bottle_slug"], "dev");
    assert_eq!(
        (
            &object["planned"],
            &object["deleted_proposals"],
            &object["deleted_responses"],
            &object["left"]
        ),
        (&2.into(), &2.into(), &2.into(), &0.into())
    );
    assert!(object["oldest"].as_str().unwrap().starts_with("2020-01-01T"));
    assert_eq!(are_there(&world, &all), [false, false, true, true]);
    assert!(matches!(world.find(&all[3]).state, State::Pending));
    assert_eq!(world.audit().len(), entries);
    let again = world.run(&["prune", "--yes", "--json"]).expect(0);
    assert_eq!(again.json(), Value::Array(Vec::new()));
    assert!(again.err.contains("nothing to prune"), "{}", again.err);
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = World::new();
    let all = bottle(&world);
    let queue = world.root.queue_db(&slug("dev"));
    let before = (fs::read(&queue).unwrap(), fs::read(world.root.host_db()).unwrap());
    let ran = world.run(&["prune", "--dry-run"]).expect(0);
    assert!(
        ran.out.contains("dev: 2 archived proposals from 2020-01-01"),
        "{}",
        ran.out
    );
    world
        .run(&["prune", "--dry-run", "--yes", "--older-than", "0"])
        .expect(0);
    let after = (fs::read(&queue).unwrap(), fs::read(world.root.host_db()).unwrap());
    assert!(before == after, "a file has changed");
    assert_eq!(are_there(&world, &all), [true; 4]);
}

#[test]
fn how_old_is_chosen_and_the_last_response_stays() {
    let world = World::new();
    let all = bottle(&world);
    world.run(&["prune", "--yes", "--older-than", "36500d"]).expect(0);
    assert_eq!(are_there(&world, &all), [true; 4]);
    world.run(&["prune", "--yes", "--older-than", "0"]).expect(0);
    assert_eq!(are_there(&world, &all), [false, false, true, true]);
    archived(&world, "dev", "later", Age::New);
    world.run(&["prune", "--yes", "--older-than", "0"]).expect(0);
    assert_eq!(are_there(&world, &all), [false, false, false, true]);
    world.run(&["prune", "--yes", "--older-than", "soon"]).expect(2);
}

#[test]
fn what_was_shown_of_them_is_forgotten() {
    let world = World::new();
    let all = bottle(&world);
    world.run(&["list"]).expect(0);
    assert!(world.shown(&all[0]).is_some() && world.shown(&all[3]).is_some());
    // It was shown just now, so it is not old itself.
    world.run(&["prune", "--yes"]).expect(0);
    assert!(world.shown(&all[0]).is_some());
    archived(&world, "dev", "later", Age::New);
    world.run(&["prune", "--yes", "--older-than", "0"]).expect(0);
    assert!(world.shown(&all[0]).is_none());
    assert!(world.shown(&all[3]).is_some());
}

#[test]
fn without_a_terminal_it_wants_a_yes() {
    let world = World::new();
    let all = bottle(&world);
    let ran = world.run(&["prune"]).expect(6);
    assert!(ran.err.contains("--yes") && ran.out.is_empty(), "{}", ran.err);
    assert_eq!(are_there(&world, &all), [true; 4]);
}

#[test]
fn at_a_terminal_it_lists_and_asks() {
    for (answer, there) in [("\r", true), ("y", false)] {
        let world = World::new();
        let all = bottle(&world);
        let mut terminal = Terminal::start(&world, &["prune"], &[]);
        terminal.wait_for("dev: 2 archived proposals");
        terminal.wait_for("delete them?");
        terminal.type_in(answer);
        terminal.wait_for("deleted");
        assert_eq!(terminal.wait(), 0);
        assert_eq!(are_there(&world, &all), [there, there, true, true]);
    }
}

#[test]
fn a_bottle_that_cannot_be_read_hides_no_other() {
    let world = World::new();
    let all = bottle(&world);
    world.ask("ci");
    fs::write(
        world.root.queue_db(&slug("ci")),
        "garbage, and not a database at all",
    )
    .unwrap();
    let ran = world.run(&["prune", "--yes"]).expect(1);
    assert!(ran.err.contains("ci: "), "{}", ran.err);
    assert_eq!(are_there(&world, &all), [false, false, true, true]);
    world.run(&["prune", "--yes", "--bottle", "dev"]).expect(0);
    world.run(&["prune", "--yes", "--bottle", "nowhere"]).expect(3);
}

#[test]
fn a_refusal_keeps_its_proposal() {
    let world = World::new();
    let refused = world.ask("dev");
    world
        .run(&["reject", &refused.id, "--notes", "no", "--sticky", "1h"])
        .expect(0);
    let all = bottle(&world);
    world.run(&["prune", "--yes", "--older-than", "0"]).expect(0);
    assert_eq!(are_there(&world, std::slice::from_ref(&refused)), [true]);
    world.run(&["reopen", &refused.id]).expect(0);
    assert_eq!(are_there(&world, &all), [false, false, true, true]);
    world.run(&["prune", "--yes", "--older-than", "0"]).expect(0);
    assert_eq!(are_there(&world, &[refused]), [false]);
}
