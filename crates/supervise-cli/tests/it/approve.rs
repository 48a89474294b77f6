//! `supervise approve`.

use insta::assert_snapshot;
use supervise_core::{Status, Tool, render_diff};
use supervise_store::State;

use crate::world::{ROUTE, World, fixed, slug};

#[test]
fn approving_answers_audits_and_says_that_nothing_was_applied() {
    let world = World::new();
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "the tests need it"));
    let ran = world
        .run(&["approve", "5eed", "--notes", "until Friday"])
        .expect(0);
    assert_snapshot!(ran.out, @"approved 5eed0000-0000-4000-8000-000000000001 in dev, audit entry 1");
    assert_snapshot!(ran.err, @"nothing was applied: no effect is configured");

    let State::Decided(answer) = world.find(&proposal).state else {
        panic!()
    };
    assert_eq!(answer.response.status, Status::Approved);
    assert_eq!(answer.response.notes, "until Friday");
    assert_eq!(answer.response.final_file.as_deref(), Some(ROUTE));
    assert_eq!(answer.applied, Some(false));

    let audit = world.audit();
    let [row] = audit.as_slice() else {
        panic!("{audit:?}")
    };
    assert_eq!(row.entry.operator_action, "approved");
    assert_eq!(row.entry.component, "egress");
    assert_eq!(row.entry.justification, "the tests need it");
    assert_eq!(row.entry.diff, render_diff("", ROUTE, "routes.yaml"));
    assert_eq!(row.origin.via.as_deref(), Some("supervise approve"));
    assert_eq!(row.origin.digest, Some(proposal.digest().to_string()));
    assert!(row.origin.operator.as_ref().is_some_and(|name| !name.is_empty()));
}

#[test]
fn the_name_of_the_operator_is_not_taken_from_the_environment() {
    let world = World::new();
    world.ask("dev");
    let id = world.run(&["list", "--json"]).json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut command = world.command(&["approve", &id]);
    assert!(
        command
            .env("USER", "mallory")
            .env("LOGNAME", "mallory")
            .status()
            .unwrap()
            .success()
    );
    assert_ne!(world.audit()[0].origin.operator.as_deref(), Some("mallory"));
}

#[test]
fn several_are_all_tried_and_the_first_failure_counts() {
    let world = World::new();
    let (first, second) = (world.ask("a"), world.ask("b"));
    world.run(&["reject", &first.id, "--notes", "no"]).expect(0);
    let ran = world
        .run(&["approve", &first.id, "zz", "00000000", &second.id, "--json"])
        .expect(4);
    let lines = ran.json_lines();
    assert_eq!(lines[0]["id"], first.id);
    assert_eq!(lines[0]["exit_code"], 4);
    assert!(lines[0]["error"].as_str().unwrap().contains("already rejected"));
    assert_eq!(
        (&lines[1]["exit_code"], &lines[2]["exit_code"]),
        (&2.into(), &3.into())
    );
    let decided = serde_json::json!({
        "id": second.id, "bottle_slug": "b", "status": "approved", "applied": false, "audit_id": 2,
    });
    assert_eq!(lines[3], decided);
}

#[test]
fn a_digest_binds() {
    let world = World::new();
    let proposal = world.ask("dev");
    let digest = proposal.digest().to_string();
    let ran = world
        .run(&["approve", &format!("{}@00000000", proposal.id)])
        .expect(5);
    // Refused, and shown again on stderr.
    assert!(
        ran.err.contains("the tests need it") && ran.err.contains(&digest[..16]),
        "{}",
        ran.err
    );
    assert_eq!(ran.out, "");
    world
        .run(&[
            "approve",
            &format!("{}@{}", proposal.id, &digest[..8].to_uppercase()),
        ])
        .expect(0);
}

#[test]
fn a_bare_id_is_bound_to_what_was_first_shown() {
    let world = World::new();
    let proposal = world.ask("dev");
    world.run(&["list"]).expect(0);
    world.swap(&proposal, "a better reason");
    let ran = world.run(&["approve", &proposal.id, "--json"]).expect(5);
    assert!(ran.err.contains("a better reason"), "{}", ran.err);
    assert_eq!(ran.json()["exit_code"], 5);
    world
        .run(&["approve", "--all", "--bottle", "dev", "--yes"])
        .expect(5);
    assert!(world.audit().is_empty());
    // What it is now has to be named.
    let now = world.run(&["list", "--json"]).json()[0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    world
        .run(&["approve", &format!("{}@{now}", proposal.id)])
        .expect(0);
}

#[test]
fn never_shown_binds_to_what_is_read() {
    let world = World::new();
    let proposal = world.ask("dev");
    world.run(&["approve", &proposal.id]).expect(0);
}

#[test]
fn a_second_decision_names_the_first() {
    let world = World::new();
    let (first, second) = (world.ask("a"), world.ask("b"));
    world.run(&["reject", &first.id, "--notes", ""]).expect(0);
    for verb in [&["approve"][..], &["reject", "--notes", "x"]] {
        let ran = world.run(&[verb, &[&first.id]].concat()).expect(4);
        assert!(ran.err.contains("is already rejected"), "{}", ran.err);
    }
    world.with_queue(&slug("b"), async |queue| {
        queue.proposal_withdraw(&second.id).await.unwrap()
    });
    let ran = world.run(&["approve", &second.id]).expect(4);
    assert!(ran.err.contains("is already withdrawn"), "{}", ran.err);
    assert_eq!(world.audit().len(), 1);
}

#[test]
fn all_of_a_bottle_needs_the_bottle_and_a_yes() {
    let world = World::new();
    for _ in 0..3 {
        world.ask("dev");
    }
    let other = world.ask("ci");
    world.run(&["approve", "--all"]).expect(2);
    world
        .run(&["approve", "--all", &other.id, "--bottle", "dev"])
        .expect(2);
    let ran = world.run(&["approve", "--all", "--bottle", "dev"]).expect(6);
    assert_eq!((ran.out.as_str(), world.audit().len()), ("", 0));
    let ran = world
        .run(&["approve", "--all", "--bottle", "dev", "--yes", "--json"])
        .expect(0);
    assert_eq!(ran.json_lines().len(), 3);
    assert!(ran.err.matches("api.example.com").count() == 3, "{}", ran.err);
    let ran = world.run(&["approve", "--all", "--bottle", "dev"]).expect(0);
    assert!(ran.err.contains("nothing is pending"));
    assert!(matches!(world.find(&other).state, State::Pending));
}

#[test]
fn all_leaves_out_what_carries_a_danger() {
    let world = World::new();
    let plain = world.ask("dev");
    let suffix = "{\"host\": \"github.io\", \"path_allowlist\": [\"/x/\"]}";
    let danger = world.propose(fixed("dev", 1, Tool::EgressAllow, suffix, "why"));
    let all = ["approve", "--all", "--bottle", "dev", "--yes"];
    let ran = world.run(&all).expect(0);
    assert!(ran.err.contains("1 skipped for a danger"), "{}", ran.err);
    assert!(ran.err.contains("!! dev"), "{}", ran.err);
    assert!(matches!(world.find(&plain).state, State::Decided(_)));
    assert!(matches!(world.find(&danger).state, State::Pending));
    world
        .run(&["approve", &danger.id, "--include-dangerous"])
        .expect(2);
    world
        .run(&[&all[..], &["--include-dangerous"]].concat())
        .expect(0);
    assert!(matches!(world.find(&danger).state, State::Decided(_)));
}
