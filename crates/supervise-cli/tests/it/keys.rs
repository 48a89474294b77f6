//! Single keys at a terminal: which count, and that the terminal is as it was afterwards.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use supervise_core::{Proposal, Tool};
use supervise_store::State;

use crate::terminal::Terminal;
use crate::world::{ROUTE, World, fixed, slug};

const QUESTION: &str = "skip or quit?";
const HELP: &str = "leave the rest pending";

fn is_pending(world: &World, proposal: &Proposal) -> bool {
    matches!(world.find(proposal).state, State::Pending)
}

#[test]
fn what_is_no_single_key_is_no_answer() {
    let world = World::new();
    let proposal = world.ask("dev");
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    // Explained, an unknown key, an arrow, a paste, Escape with a key, and the end of input.
    for other in ["?", "x", "\u{1b}[A", "aa", "a\r", "\u{1b}a", "\u{4}", "ä"] {
        terminal.wait_for(QUESTION);
        terminal.type_in(other);
        terminal.wait_for(HELP);
        assert!(is_pending(&world, &proposal), "{other:?}");
    }
    terminal.wait_for(QUESTION);
    terminal.type_in("A");
    terminal.wait_for("approved");
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.is_sane());
}

#[test]
fn a_key_held_down_answers_nothing() {
    let world = World::new();
    let all: Vec<_> = (0..3)
        .map(|n| world.propose(fixed("dev", n, Tool::EgressAllow, ROUTE, &format!("reason {n}"))))
        .collect();
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for("reason 0");
    for _ in 0..40 {
        terminal.type_in("a");
        thread::sleep(Duration::from_millis(25));
    }
    // Once the key is let go the question comes, and answers to the first key after it.
    terminal.wait_for(QUESTION);
    assert!(all.iter().all(|proposal| is_pending(&world, proposal)));
    terminal.type_in("a");
    terminal.wait_for("reason 1");
    terminal.type_in("a");
    terminal.wait_for(QUESTION);
    terminal.type_in("q");
    assert_eq!(terminal.wait(), 0);
    let pending = all.iter().filter(|proposal| is_pending(&world, proposal));
    assert_eq!(pending.count(), 2);
}

#[test]
fn another_size_shows_it_again_at_that_size() {
    let world = World::new();
    let why = "a reason that is somewhat too long for sixty columns, but not for eighty";
    let proposal = world.propose(fixed("dev", 1, Tool::GitleaksAllow, "x", why));
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for(why);
    terminal.wait_for(QUESTION);
    terminal.resize(24, 60);
    terminal.wait_for("│ a reason that is somewhat too long for sixty columns, but \r\n│ not for eighty\r\n");
    terminal.wait_for(QUESTION);
    assert!(is_pending(&world, &proposal));
    terminal.type_in("a");
    terminal.wait_for("approved");
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.is_sane());
}

#[test]
fn another_size_on_a_page_begins_anew() {
    let world = World::new();
    let image = format!("FROM debian:13\n{}", "LABEL x=y\n".repeat(40));
    world.propose(Proposal::new(&slug("dev"), Tool::CapabilityBlock, image, "why"));
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for("21 of ");
    terminal.type_in("n");
    terminal.wait_for("42 of ");
    terminal.resize(40, 80);
    terminal.wait_for("37 of ");
    terminal.type_in("\r");
    terminal.wait_for(QUESTION);
    terminal.type_in("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn the_terminal_is_sane_however_a_question_ends() {
    let world = World::new();
    let danger = "{\"host\": \"github.io\", \"path_allowlist\": [\"/\"]}";
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, danger, "why"));
    let long = "FROM debian:13\n".repeat(40);
    world.propose(fixed("long", 2, Tool::CapabilityBlock, &long, "why"));
    let all = ["approve", "--all", "--bottle", "dev", "--include-dangerous"];
    let questions: [(&[&str], &str, &str); 5] = [
        (&["review", "--bottle", "dev"], QUESTION, ""),
        (&["review", "--bottle", "dev"], "type 9", "a"),
        (&["review", "--bottle", "dev"], "notes for the agent", "r"),
        (&["review", "--bottle", "long"], "21 of ", ""),
        (&all, "approve all of these?", ""),
    ];
    let code = &proposal.digest().short()[..4];
    for (arguments, question, key) in questions {
        let question = question.replace("type 9", &format!("type {code}"));
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let mut terminal = Terminal::start(&world, arguments, &[]);
            if !key.is_empty() {
                terminal.wait_for(QUESTION);
                terminal.type_in(key);
            }
            terminal.wait_for(&question);
            terminal.signal(signal);
            assert_eq!(terminal.wait(), 130, "{question} {signal:?}");
            assert!(terminal.is_sane(), "{question} {signal:?}");
        }
    }
    assert!(world.audit().is_empty());
}

#[test]
fn a_terminal_without_single_keys_is_asked_for_lines() {
    let world = World::new();
    let proposal = world.ask("dev");
    let mut terminal = Terminal::start(&world, &["review"], &[("TERM", "dumb")]);
    terminal.type_in("a\r");
    terminal.wait_for(QUESTION);
    terminal.type_in("approved\r");
    terminal.wait_for(HELP);
    terminal.wait_for(QUESTION);
    assert!(is_pending(&world, &proposal));
    terminal.type_in("approve\r");
    terminal.wait_for("approved");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn notes_keep_no_arrow_keys() {
    let world = World::new();
    let proposal = world.ask("dev");
    let mut terminal = Terminal::start(&world, &["reject", &proposal.id], &[]);
    terminal.wait_for("notes for the agent");
    terminal.type_in("no\u{1b}[D\r");
    terminal.wait_for("type it again");
    terminal.wait_for("notes for the agent");
    terminal.type_in("größer ist besser\r");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(world.audit()[0].entry.operator_notes, "größer ist besser");
}
