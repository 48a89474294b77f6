//! What moves between the look and the decision: nothing of it is decided, and nothing is left behind.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use supervise_core::{Proposal, Tool};
use supervise_store::{Host, State};

use super::bottle::{Bottle, FILE};
use crate::terminal::Terminal;
use crate::world::{ROUTE, Ran, World, block_on, slug};

const OTHER: &str = "{\n  \"host\": \"files.example.net\"\n}\n";

fn edited() -> String {
    FILE.replace("# docs", "# changed meanwhile")
}

fn reference(proposal: &Proposal) -> String {
    format!("{}@{}", proposal.id, proposal.digest())
}

/// No answer, no audit entry, and the file as somebody else left it.
#[track_caller]
fn assert_untouched(world: &World, bottle: &Bottle<'_>, text: &str) {
    assert!(world.audit().is_empty());
    assert_eq!((bottle.text().as_str(), bottle.reloads()), (text, 0));
    assert_eq!(bottle.litter(), ["routes.yaml"]);
}

#[test]
fn a_file_that_moved_since_it_was_shown_is_not_changed() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    world.run(&["show", &proposal.id]).expect(0);
    fs::write(bottle.routes(), edited()).unwrap();
    // To be asked again and again is no look at it.
    for id in [&proposal.id, &reference(&proposal), &proposal.id] {
        let ran = world.run(&["approve", id]).expect(5);
        for part in [
            "+  - host: api.example.com",
            "changed meanwhile",
            "has changed since it was shown",
            "supervise show",
        ] {
            assert!(ran.err.contains(part), "{part}: {}", ran.err);
        }
        let all = ["approve", "--all", "--bottle", "dev", "--yes"];
        world.run(&all).expect(5);
        let ran = world.run_with(&["modify", id, "--file", "-", "--json"], OTHER);
        assert_eq!(ran.expect(5).json()["exit_code"], 5);
    }
    assert_untouched(&world, &bottle, &edited());
    assert!(matches!(world.find(&proposal).state, State::Pending));
    world.run(&["show", &proposal.id]).expect(0);
    world.run(&["approve", &proposal.id]).expect(0);
    assert_eq!(bottle.in_force(), Some(bottle.text()));
}

#[test]
fn a_rejection_changes_no_file_and_a_list_shows_none() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let (refused, listed) = (world.ask("dev"), world.ask("dev"));
    world.run(&["show", &refused.id]).expect(0);
    world.run(&["list"]).expect(0);
    fs::write(bottle.routes(), edited()).unwrap();
    world.run(&["reject", &refused.id, "--notes", "no"]).expect(0);
    world.run(&["approve", &listed.id]).expect(0);
}

#[test]
fn what_the_same_command_changed_has_not_moved() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let first = world.ask("dev");
    let ask = || world.propose(Proposal::new(&slug("dev"), Tool::EgressAllow, OTHER, "x"));
    let (second, third) = (ask(), ask());
    for proposal in [&first, &second, &third] {
        world.run(&["show", &proposal.id]).expect(0);
    }
    world.run(&["approve", &first.id, &second.id]).expect(0);
    assert_eq!(bottle.reloads(), 2);
    // Another command knows nothing of it.
    world.run(&["approve", &third.id]).expect(5);
}

#[test]
fn of_two_dockerfiles_only_one_can_be_meant() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let ask = |file| {
        world.propose(Proposal::new(
            &slug("dev"),
            Tool::CapabilityBlock,
            file,
            "a compiler",
        ))
    };
    let (first, second) = (ask("FROM debian:13\n"), ask("FROM debian:12\n"));
    for proposal in [&first, &second] {
        world.run(&["show", &proposal.id]).expect(0);
    }
    let ran = world.run(&["approve", &first.id, &second.id]).expect(5);
    assert!(ran.err.contains("-FROM debian:13"), "{}", ran.err);
    assert_eq!(bottle.built().as_deref(), Some("FROM debian:13\n"));
}

/// `approve ID` that has begun, and waits for the bottle while `meanwhile` happens.
fn approve_while(world: &World, proposal: &Proposal, meanwhile: impl FnOnce()) -> Ran {
    let lock = block_on(async {
        let host = Host::create(&world.root).await.unwrap();
        host.bottle_lock(&slug("dev")).await.unwrap()
    });
    let mut command = world.command(&["approve", &proposal.id]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = command.spawn().unwrap();
    // Long enough for it to come to the lock; if it doesn't, it finds the change before that.
    thread::sleep(Duration::from_millis(300));
    meanwhile();
    drop(lock);
    Ran::of(running.wait_with_output().unwrap())
}

type Change = fn(&World, &Bottle<'_>, &Proposal);

#[test]
fn swapped_moved_or_withdrawn_between_show_and_decision() {
    let cases: [(i32, Change); 3] = [
        (5, |world, _, proposal| world.swap(proposal, "a better reason")),
        (5, |_, bottle, _| fs::write(bottle.routes(), edited()).unwrap()),
        (4, |world, _, proposal| {
            world.with_queue(&slug("dev"), async |queue| {
                queue.proposal_withdraw(&proposal.id).await.unwrap();
            });
        }),
    ];
    for (code, change) in cases {
        for when in ["before", "during"] {
            let world = World::new();
            let bottle = Bottle::new(&world);
            let proposal = world.ask("dev");
            world.run(&["show", &proposal.id]).expect(0);
            let ran = if when == "before" {
                change(&world, &bottle, &proposal);
                world.run(&["approve", &proposal.id])
            } else {
                approve_while(&world, &proposal, || change(&world, &bottle, &proposal))
            };
            let text = bottle.text();
            ran.expect(code);
            assert_untouched(&world, &bottle, &text);
            assert!(!matches!(world.find(&proposal).state, State::Decided(_)));
        }
    }
}

#[test]
fn all_is_bound_to_what_was_listed() {
    let changes: [Change; 2] = [
        |world, _, proposal| world.swap(proposal, "a better reason"),
        |_, bottle, _| fs::write(bottle.routes(), edited()).unwrap(),
    ];
    for change in changes {
        let world = World::new();
        let bottle = Bottle::new(&world);
        let proposal = world.ask("dev");
        let all = ["approve", "--all", "--bottle", "dev"];
        let mut terminal = Terminal::start(&world, &all, &[]);
        terminal.wait_for("approve all of these?");
        change(&world, &bottle, &proposal);
        let text = bottle.text();
        terminal.type_in("y");
        assert_eq!(terminal.wait(), 5, "{}", terminal.screen());
        assert_untouched(&world, &bottle, &text);
    }
}

#[test]
fn what_was_written_in_an_editor_is_kept_when_it_comes_to_nothing() {
    let narrow = ROUTE.replace("/v1/", "/v1/only/");
    for verb in ["modify", "review"] {
        let world = World::new();
        let bottle = Bottle::new(&world);
        let proposal = world.ask("dev");
        fs::write(world.path("narrow"), &narrow).unwrap();
        let script = world.path("editor.sh");
        fs::write(
            &script,
            format!("cat {} > \"$1\"\n", world.path("narrow").display()),
        )
        .unwrap();
        let editor = format!("sh {}", script.display());
        bottle.break_reload();
        let arguments: &[&str] = match verb {
            "modify" => &["modify", &proposal.id],
            _ => &["review"],
        };
        let mut terminal = Terminal::start(&world, arguments, &[("EDITOR", &editor)]);
        if verb == "review" {
            terminal.wait_for("skip or quit?");
            terminal.type_in("m");
        }
        terminal.wait_for("approve it in this form?");
        terminal.type_in("y");
        terminal.wait_for("has the failure; what you wrote is");
        assert_eq!(terminal.wait(), 7, "{verb}");
        let kept = fs::read_dir(world.path(""))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let kept = kept.filter(|path| path.to_string_lossy().contains("supervise-final-"));
        let texts: Vec<String> = kept.map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(texts, [&narrow[..]], "{verb}");
    }
}
