//! `supervise reopen`, and how long `supervise reject` sticks.

use std::fs;

use serde_json::Value;
use supervise_core::{Ask, Proposal, Tool};
use supervise_store::{Asked, Limits};

use crate::terminal::Terminal;
use crate::world::{ROUTE, World, slug};

/// What the agent hears when it asks for the same again: the refused proposal, or a new question.
fn refused(world: &World) -> Option<String> {
    world.with_queue(&slug("dev"), async |queue| {
        loop {
            let ask = Ask {
                tool: Tool::EgressBlock,
                proposed_file: ROUTE.into(),
                justification: "again".into(),
            };
            match queue.proposal_ask(ask, Limits::default()).await.unwrap() {
                Asked::RefusedBefore(refusal) => return Some(refusal.id),
                // Its own caller had gone: that comes first, and once.
                Asked::Decided(late) => late.delivered(),
                Asked::Held(hold) => {
                    queue.proposal_withdraw(hold.id()).await.unwrap();
                    return None;
                }
                other => panic!("{other:?}"),
            }
        }
    })
}

/// Rejects a new proposal with these options more; says until when, in seconds from now.
fn reject(world: &World, more: &[&str]) -> (Proposal, Option<i64>) {
    let proposal = world.ask("dev");
    let arguments = [&["reject", &proposal.id, "--notes", "no", "--json"], more].concat();
    let ran = world.run(&arguments).expect(0);
    let until = ran.json()["refused_until"].as_str().map(|until| {
        let format = &time::format_description::well_known::Rfc3339;
        let until = time::OffsetDateTime::parse(until, format).unwrap();
        (until - time::OffsetDateTime::now_utc()).whole_seconds()
    });
    (proposal, until)
}

#[test]
fn a_rejection_sticks_as_long_as_it_was_told() {
    let world = World::new();
    for (option, seconds) in [
        ("90s", 90),
        ("10m", 600),
        ("2h", 7_200),
        ("7d", 604_800),
        ("30d", 2_592_000),
    ] {
        let (proposal, until) = reject(&world, &["--sticky", option]);
        assert!(
            (seconds - 60..=seconds).contains(&until.unwrap()),
            "{option}: {until:?}"
        );
        assert_eq!(refused(&world).as_deref(), Some(proposal.id.as_str()), "{option}");
    }
    let (_, until) = reject(&world, &["--sticky", "0"]);
    assert_eq!(until, None);
    assert_eq!(refused(&world), None, "the last word counts");
    for bad in ["", "5", "1w", "31d", "99999999999d"] {
        let proposal = world.ask("dev");
        let ran = world
            .run(&["reject", &proposal.id, "--notes", "no", "--sticky", bad])
            .expect(2);
        assert!(ran.err.contains("--sticky"), "{}", ran.err);
    }
}

#[test]
fn ten_minutes_unless_configured() {
    let world = World::new();
    let (_, until) = reject(&world, &[]);
    assert!((540..=600).contains(&until.unwrap()), "{until:?}");
    let config = world.root.path().join("supervise.toml");
    fs::write(&config, "[reject]\nsticky = \"2h\"\n").unwrap();
    let (_, until) = reject(&world, &[]);
    assert!((7_140..=7_200).contains(&until.unwrap()), "{until:?}");
    fs::write(&config, "[reject]\nsticky = \"0\"\n").unwrap();
    assert_eq!(reject(&world, &[]).1, None);
    let (_, until) = reject(&world, &["--sticky", "90s"]);
    assert!(until.unwrap() <= 90);
    for (text, said) in [
        ("\n[reject]\nsticky = 600\n", "line 3"),
        (
            "[reject]\nsticky = \"soon\"\n",
            "line 2: 'sticky' is no span of time",
        ),
        ("[reject]\nsticky = \"31d\"\n", "thirty days"),
        ("[reject]\nstikcy = \"1h\"\n", "line 2: unknown field `stikcy`"),
    ] {
        fs::write(&config, text).unwrap();
        let proposal = world.ask("dev");
        let ran = world.run(&["reject", &proposal.id, "--notes", "no"]).expect(2);
        assert!(ran.err.contains(said), "{text}: {}", ran.err);
    }
}

#[test]
fn all_that_is_rejected_at_once_sticks_as_well() {
    let world = World::new();
    let proposal = world.ask("dev");
    let all = [
        "reject", "--all", "--bottle", "dev", "--notes", "no", "--yes", "--sticky", "1h",
    ];
    let ran = world.run(&all).expect(0);
    assert!(ran.err.contains("supervise reopen "), "{}", ran.err);
    assert_eq!(refused(&world), Some(proposal.id));
}

#[test]
fn review_sticks_as_it_was_told() {
    for (options, sticks) in [(&["review"][..], true), (&["review", "--sticky", "0"], false)] {
        let world = World::new();
        world.ask("dev");
        let mut terminal = Terminal::start(&world, options, &[]);
        terminal.wait_for("quit?");
        terminal.type_in("r");
        terminal.wait_for("notes");
        terminal.type_in("no\r");
        terminal.wait_for("that was all");
        assert_eq!(terminal.wait(), 0);
        assert_eq!(refused(&world).is_some(), sticks, "{options:?}");
    }
}

#[test]
fn reopened_it_is_a_new_question_and_nothing_else_has_changed() {
    let world = World::new();
    let (proposal, _) = reject(&world, &[]);
    assert!(refused(&world).is_some());
    let entries = world.audit().len();
    let ran = world.run(&["reopen", &proposal.id[..8], "--json"]).expect(0);
    let object: Value = ran.json();
    assert_eq!(object["id"], *proposal.id);
    assert_eq!(
        (&object["bottle_slug"], &object["notes"]),
        (&"dev".into(), &"no".into())
    );
    assert_eq!(refused(&world), None);
    assert_eq!(world.audit().len(), entries, "it is no decision");
    assert!(
        world
            .run(&["list", "--json"])
            .expect(0)
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );
    let ran = world.run(&["reopen", &proposal.id]).expect(3);
    assert!(
        ran.err.contains("no longer") && ran.err.contains("hint"),
        "{}",
        ran.err
    );
}

#[test]
fn what_has_no_refusal_is_said_and_ends_with_3() {
    let world = World::new();
    world.run(&["reopen", "12345678"]).expect(3);
    world.run(&["reopen", "123"]).expect(2);
    let pending = world.ask("dev");
    let ran = world.run(&["reopen", &pending.id]).expect(3);
    assert!(ran.err.contains("pending"), "{}", ran.err);
    world.run(&["approve", &pending.id]).expect(0);
    let ran = world.run(&["reopen", &pending.id]).expect(3);
    assert!(ran.err.contains("approved"), "{}", ran.err);
    let (proposal, _) = reject(&world, &[]);
    world
        .run(&["reopen", &format!("{}@00000000", proposal.id)])
        .expect(5);
    world.run(&["reopen", &proposal.id, "--bottle", "ci"]).expect(3);
    assert!(refused(&world).is_some());
    // A rejection of another program, word for word.
    let other = world.ask("dev");
    let respond = format!(
        "INSERT OR REPLACE INTO supervise_responses (proposal_id, status, notes, final_file, archived)
        VALUES ('{}', 'rejected', 'no', NULL, 0)",
        other.id
    );
    let foreign = World::new();
    foreign.propose(other.clone());
    foreign.sql("dev", &respond);
    foreign.run(&["reopen", &other.id]).expect(3);
    assert_eq!(refused(&foreign), None);
}
