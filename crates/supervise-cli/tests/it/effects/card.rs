//! What is shown is the change of the live file, and what was shown is what is decided.

use std::fs;

use supervise_core::{Proposal, Tool};

use super::bottle::{Bottle, FILE};
use crate::terminal::Terminal;
use crate::world::{World, slug};

const QUESTION: &str = "skip or quit?";

#[test]
fn show_has_the_diff_of_the_live_file() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    let shown = world.run(&["show", &proposal.id, "--json"]).expect(0).json();
    let diff = shown["diff"].as_str().unwrap();
    assert!(
        diff.contains(" routes:") && diff.contains("+  - host: api.example.com"),
        "{diff}"
    );
    world.run(&["approve", &proposal.id]).expect(0);
    assert_eq!(world.audit()[0].entry.diff, diff, "what was shown was done");

    let again = world.propose(Proposal::new(
        &slug("dev"),
        Tool::EgressAllow,
        proposal.proposed_file,
        "x",
    ));
    let ran = world.run(&["show", &again.id]).expect(0);
    assert!(ran.out.contains("none: already allowed by "), "{}", ran.out);
    fs::write(bottle.routes(), "[]\n").unwrap();
    let ran = world.run(&["show", &again.id]).expect(0);
    assert!(ran.out.contains("approving would fail: "), "{}", ran.out);
}

#[test]
fn dropping_the_prefixes_of_a_host_is_a_danger() {
    let world = World::new();
    let _bottle = Bottle::new(&world);
    let payload = "{\n  \"host\": \"example.com\"\n}\n";
    let proposal = world.propose(Proposal::new(&slug("dev"), Tool::EgressAllow, payload, "x"));
    let shown = world.run(&["show", &proposal.id, "--json"]).expect(0).json();
    let risks = shown["risks"].as_array().unwrap();
    assert!(risks.iter().any(|risk| risk["level"] == "danger"), "{risks:?}");
    // A list knows the live file as well.
    assert_eq!(world.run(&["list", "--json"]).json()[0]["risks"], shown["risks"]);
    let list = world.run(&["list"]).expect(0);
    assert!(list.out.contains("!! dev"), "{}", list.out);
}

#[test]
fn a_file_that_moved_is_shown_again() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for("+  - host: api.example.com");
    terminal.wait_for(QUESTION);
    fs::write(bottle.routes(), FILE.replace("# docs", "# changed meanwhile")).unwrap();
    terminal.type_in("a");
    terminal.wait_for("has changed since it was shown");
    assert_eq!(bottle.answer(&proposal), None);
    terminal.wait_for("changed meanwhile");
    terminal.wait_for(QUESTION);
    terminal.type_in("a");
    terminal.wait_for("is written and in force");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(bottle.in_force(), Some(bottle.text()));
    assert_eq!(world.audit().len(), 1);
}
