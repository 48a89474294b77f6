//! `supervise review`, at a terminal.

use rustix::process::Signal;
use supervise_core::{Status, Tool};
use supervise_store::State;

use crate::terminal::Terminal;
use crate::world::{ROUTE, World, fixed};

const QUESTION: &str = "skip or quit?";

fn status(world: &World, proposal: &supervise_core::Proposal) -> Option<Status> {
    match world.find(proposal).state {
        State::Decided(answer) => Some(answer.response.status),
        _ => None,
    }
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let world = World::new();
    world.ask("dev");
    world.run(&["review"]).expect(6);
    let mut terminal = Terminal::start(&world, &["review", "--no-input"], &[]);
    assert_eq!(terminal.wait(), 6);
}

#[test]
fn each_in_turn() {
    let world = World::new();
    let all: Vec<_> = (0..4)
        .map(|n| world.propose(fixed("dev", n, Tool::EgressAllow, ROUTE, &format!("reason {n}"))))
        .collect();
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for("reason 0");
    terminal.wait_for(QUESTION);
    terminal.type_in("a");
    terminal.wait_for("approved 5eed0000-0000-4000-8000-000000000000");
    terminal.wait_for("reason 1");
    terminal.wait_for(QUESTION);
    terminal.type_in("r");
    terminal.wait_for("notes for the agent");
    terminal.type_in("not now\r");
    terminal.wait_for("rejected 5eed0000-0000-4000-8000-000000000001");
    terminal.wait_for("reason 2");
    terminal.wait_for(QUESTION);
    // Enter alone skips, and what is no answer is explained and asked again.
    terminal.type_in("approved\r");
    terminal.wait_for("leave the rest pending");
    terminal.wait_for(QUESTION);
    terminal.type_in("\r");
    terminal.wait_for("reason 3");
    terminal.wait_for(QUESTION);
    terminal.type_in("q");
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.is_sane());
    let decided: Vec<_> = all.iter().map(|proposal| status(&world, proposal)).collect();
    assert_eq!(
        decided,
        [Some(Status::Approved), Some(Status::Rejected), None, None]
    );
    let audit = world.audit();
    assert_eq!(audit[1].entry.operator_notes, "not now");
    assert_eq!(audit[0].origin.via.as_deref(), Some("supervise review"));
}

#[test]
fn what_was_typed_ahead_answers_nothing() {
    let world = World::new();
    let proposal = world.ask("dev");
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.type_in("a\r");
    terminal.wait_for(QUESTION);
    terminal.type_in("q");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(status(&world, &proposal), None);
}

#[test]
fn ctrl_c_leaves_everything_pending_and_the_terminal_sane() {
    let world = World::new();
    let proposal = world.ask("dev");
    for way in [None, Some(Signal::INT), Some(Signal::TERM), Some(Signal::HUP)] {
        let mut terminal = Terminal::start(&world, &["review"], &[]);
        terminal.wait_for(QUESTION);
        match way {
            None => terminal.type_in("\u{3}"),
            Some(signal) => terminal.signal(signal),
        }
        assert_eq!(terminal.wait(), 130, "{way:?}");
        assert!(terminal.is_sane(), "{way:?}");
        assert!(!terminal.screen().ends_with("\u{1b}[?25l"));
    }
    assert_eq!(status(&world, &proposal), None);
    assert!(world.audit().is_empty());
}

#[test]
fn an_answer_counts_for_what_was_on_the_screen() {
    let world = World::new();
    let proposal = world.ask("dev");
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for(QUESTION);
    world.swap(&proposal, "something else");
    terminal.type_in("a");
    // Refused, shown as it is now, and asked again.
    terminal.wait_for("something else");
    terminal.wait_for("was not decided");
    terminal.wait_for(QUESTION);
    terminal.type_in("a");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    let digest = world.find(&proposal).listed.proposal.digest().to_string();
    assert_eq!(world.audit()[0].origin.digest, Some(digest));
}

#[test]
fn somebody_faster_is_named_and_the_rest_goes_on() {
    let world = World::new();
    let first = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "reason 1"));
    world.propose(fixed("dev", 2, Tool::GitleaksAllow, "x", "reason 2"));
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for(QUESTION);
    world.run(&["reject", &first.id, "--notes", "no"]).expect(0);
    terminal.type_in("a");
    terminal.wait_for("is already rejected");
    terminal.wait_for("reason 2");
    terminal.wait_for(QUESTION);
    terminal.type_in("s");
    // That of the decision that failed.
    assert_eq!(terminal.wait(), 4);
}

#[test]
fn following_waits_for_more() {
    let world = World::new();
    world.run(&["prepare", "dev"]).expect(0);
    let mut terminal = Terminal::start(&world, &["review", "--follow"], &[]);
    terminal.wait_for("waiting for proposals");
    let proposal = world.ask("dev");
    terminal.wait_for(QUESTION);
    terminal.type_in("a");
    terminal.wait_for("approved");
    terminal.wait_for("waiting for proposals");
    terminal.signal(Signal::INT);
    assert_eq!(terminal.wait(), 130);
    assert_eq!(status(&world, &proposal), Some(Status::Approved));
}

#[test]
fn a_slip_in_the_editor_is_told_and_asked_again() {
    let world = World::new();
    let proposal = world.ask("dev");
    let edit = |text: &str| {
        let file = world.path("edit.sh");
        std::fs::write(&file, format!("printf '{text}' > \"$1\"\n")).unwrap();
        format!("sh {}", file.display())
    };
    let editor = edit("{\"host\": \"https://a.example\"}");
    let mut terminal = Terminal::start(&world, &["review"], &[("VISUAL", &editor)]);
    terminal.wait_for(QUESTION);
    terminal.type_in("m");
    terminal.wait_for("line 1");
    terminal.wait_for("edit it again?");
    terminal.type_in("n");
    terminal.wait_for(QUESTION);
    edit("{\"host\": \"example.org\"}");
    terminal.type_in("m");
    terminal.wait_for("approve it in this form?");
    terminal.type_in("y");
    terminal.wait_for("modified");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(status(&world, &proposal), Some(Status::Modified));
}

const DANGEROUS: &str = "{\"host\": \"github.io\", \"path_allowlist\": [\"/\"]}";

#[test]
fn a_danger_wants_the_code_from_its_digest() {
    let world = World::new();
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, DANGEROUS, "why"));
    let code = &proposal.digest().short()[..4];
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for("! public-suffix: ");
    for wrong in ["", "y", "yes", "a", "0000", &code[..3]] {
        terminal.wait_for(QUESTION);
        terminal.type_in("a");
        terminal.wait_for(&format!("type {code} to approve"));
        terminal.type_in(&format!("{wrong}\r"));
        terminal.wait_for("that is not the code");
        assert_eq!(status(&world, &proposal), None, "{wrong:?}");
    }
    terminal.wait_for(QUESTION);
    // Both answers at once are none: nobody presses keys so fast.
    terminal.type_in(&format!("a\r{code}\r"));
    terminal.wait_for("leave the rest pending");
    terminal.wait_for(QUESTION);
    terminal.type_in("a");
    terminal.wait_for(&format!("type {code} to approve"));
    terminal.type_in(&format!("{}\r", code.to_uppercase()));
    terminal.wait_for("approved");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(status(&world, &proposal), Some(Status::Approved));
}

#[test]
fn a_rejection_wants_no_code() {
    let world = World::new();
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, DANGEROUS, "why"));
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for(QUESTION);
    terminal.type_in("r");
    terminal.wait_for("notes for the agent");
    terminal.type_in("too wide\r");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(status(&world, &proposal), Some(Status::Rejected));
}

#[test]
fn an_edit_that_brings_a_danger_wants_the_code_too() {
    let world = World::new();
    let proposal = world.ask("dev");
    let script = world.path("edit.sh");
    std::fs::write(&script, format!("printf '%s' '{DANGEROUS}' > \"$1\"\n")).unwrap();
    let editor = format!("sh {}", script.display());
    let mut terminal = Terminal::start(&world, &["review"], &[("VISUAL", &editor)]);
    terminal.wait_for(QUESTION);
    terminal.type_in("m");
    terminal.wait_for("! public-suffix: ");
    terminal.wait_for("approve it in this form?");
    terminal.type_in("y");
    terminal.wait_for("to approve it all the same");
    terminal.type_in("y\r");
    terminal.wait_for("that is not the code");
    terminal.wait_for(QUESTION);
    terminal.type_in("q");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(status(&world, &proposal), None);
}

#[test]
fn a_long_card_is_read_to_its_end_before_it_can_be_approved() {
    let world = World::new();
    let image = |number| format!("FROM debian:13\n{}", format!("LABEL x=y{number}\n").repeat(40));
    let first = world.propose(fixed("dev", 1, Tool::CapabilityBlock, &image(1), "first"));
    let second = world.propose(fixed("dev", 2, Tool::CapabilityBlock, &image(2), "second"));
    let mut terminal = Terminal::start(&world, &["review"], &[]);
    terminal.wait_for(" lines\r\n");
    terminal.wait_for("21 of ");
    assert!(!terminal.screen().contains(QUESTION));
    // An answer here is none, and the second page is asked about like the first.
    terminal.type_in("approve\r");
    terminal.wait_for("21 of ");
    terminal.type_in("\r");
    terminal.wait_for("42 of ");
    terminal.type_in("\r");
    terminal.wait_for(QUESTION);
    terminal.type_in("a");
    terminal.wait_for("approved");
    terminal.wait_for("21 of ");
    terminal.type_in("s");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(status(&world, &first), Some(Status::Approved));
    assert_eq!(status(&world, &second), None);
}
