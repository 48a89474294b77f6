//! `supervise modify`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use supervise_core::{Status, Tool, render_diff};
use supervise_store::State;

use crate::terminal::Terminal;
use crate::world::{ROUTE, World, fixed};

const EDITED: &str = "{\"host\":   \"api.example.com\", \"path_allowlist\": [\"/v1/items/\"]}";

#[test]
fn a_file_becomes_the_answer_byte_for_byte() {
    let world = World::new();
    let proposal = world.ask("dev");
    fs::write(world.path("route.json"), EDITED).unwrap();
    let ran = world
        .run(&[
            "modify",
            &proposal.id,
            "--file",
            "route.json",
            "--notes",
            "narrower",
            "--json",
        ])
        .expect(0);
    assert_eq!(ran.json()["status"], "modified");
    let State::Decided(answer) = world.find(&proposal).state else {
        panic!()
    };
    assert_eq!(answer.response.status, Status::Modified);
    assert_eq!(answer.response.final_file.as_deref(), Some(EDITED));
    let row = world.audit().remove(0);
    assert_eq!(row.entry.diff, render_diff("", EDITED, "routes.yaml"));
    assert_eq!(row.entry.operator_notes, "narrower");
}

#[test]
fn stdin_will_do_and_unchanged_is_an_approval() {
    let world = World::new();
    let proposal = world.ask("dev");
    let ran = world
        .run_with(&["modify", &proposal.id, "--file", "-", "--json"], ROUTE)
        .expect(0);
    assert_eq!(ran.json()["status"], "approved");
    assert_eq!(world.audit()[0].origin.via.as_deref(), Some("supervise modify"));
}

#[test]
fn what_is_empty_or_invalid_decides_nothing() {
    let world = World::new();
    let route = world.ask("dev");
    let image = world.propose(fixed(
        "dev",
        1,
        Tool::CapabilityBlock,
        "FROM debian:13\n",
        "a compiler",
    ));
    world
        .run_with(&["modify", &route.id, "--file", "-"], " \n")
        .expect(2);
    world
        .run_with(&["modify", &image.id, "--file", "-"], "")
        .expect(2);
    world
        .run_with(&["modify", &route.id, "--file", "-"], &"x".repeat((1 << 20) + 1))
        .expect(2);
    world
        .run(&["modify", &route.id, "--file", "missing.json"])
        .expect(3);
    let bad = "{\n  \"host\": \"api.example.com\",\n  \"path_allowlist\": [\"v1\"]\n}\n";
    let ran = world
        .run_with(&["modify", &route.id, "--file", "-"], bad)
        .expect(1);
    assert!(
        ran.err.contains("line 3: path_allowlist[0] must start with '/'"),
        "{}",
        ran.err
    );
    assert!(world.audit().is_empty());
    world
        .run_with(&["modify", &image.id, "--file", "-"], "FROM debian:13-slim\n")
        .expect(0);
}

#[test]
fn without_a_file_it_takes_a_terminal() {
    let world = World::new();
    let proposal = world.ask("dev");
    world.run(&["modify", &proposal.id]).expect(6);
}

/// An editor that notes how it was called, then writes `text`.
fn editor(world: &World, text: &str) -> String {
    let script = world.path("editor.sh");
    let called = world.path("called");
    let write = world.path("write");
    fs::write(&write, text).unwrap();
    let body = format!(
        "#!/bin/sh\necho \"$#\" \"$1\" > {called}\nfor file; do :; done\nstat -c %a \"$file\" >> {called}\ncat {write} > \"$file\"\n",
        called = called.display(),
        write = write.display(),
    );
    fs::write(&script, body).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script.display().to_string()
}

#[test]
fn the_editor_is_an_argument_list_on_a_private_file() {
    let world = World::new();
    let proposal = world.ask("dev");
    let editor = format!("{} --wait", editor(&world, EDITED));
    let mut terminal = Terminal::start(&world, &["modify", &proposal.id], &[("EDITOR", &editor)]);
    // What was changed is shown and confirmed first.
    terminal.wait_for("│ -{");
    terminal.wait_for(&format!("│ +{EDITED}"));
    terminal.wait_for("approve it in this form?");
    terminal.type_in("y");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(
        fs::read_to_string(world.path("called")).unwrap(),
        "2 --wait\n600\n"
    );
    let State::Decided(answer) = world.find(&proposal).state else {
        panic!()
    };
    assert_eq!(answer.response.final_file.as_deref(), Some(EDITED));
}

#[test]
fn an_editor_never_gets_what_it_may_act_on() {
    let world = World::new();
    let proposal = world.propose(fixed(
        "dev",
        1,
        Tool::CapabilityBlock,
        "FROM x\u{1b}]52;c;aGk=\u{7}\n",
        "why",
    ));
    let editor = editor(&world, "FROM y\n");
    let mut terminal = Terminal::start(&world, &["modify", &proposal.id], &[("EDITOR", &editor)]);
    assert_eq!(terminal.wait(), 1);
    assert!(terminal.screen().contains("--file"), "{}", terminal.screen());
    assert!(!world.path("called").exists());
}

#[test]
fn an_editor_that_fails_or_is_missing_decides_nothing() {
    let world = World::new();
    let proposal = world.ask("dev");
    for (editor, code) in [("false", 1), ("/nowhere/editor", 1), ("", 2)] {
        let mut terminal = Terminal::start(&world, &["modify", &proposal.id], &[("EDITOR", editor)]);
        assert_eq!(terminal.wait(), code, "{}", terminal.screen());
    }
    assert!(world.audit().is_empty());
}

/// An editor that notes what it was given, then makes of it what a `sed` script says.
fn sed(world: &World, script: &str) -> String {
    let file = world.path("vim");
    let body =
        format!("#!/bin/sh\necho \"$1\" > called\nfor file; do :; done\ncp \"$file\" given\n{script}\n");
    fs::write(&file, body).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

#[test]
fn the_header_is_no_part_of_the_answer() {
    let world = World::new();
    let proposal = world.ask("dev");
    let editor = sed(&world, "sed -i s,/v1/,/v2/, \"$file\"");
    let mut terminal = Terminal::start(&world, &["modify", &proposal.id, "--yes"], &[("EDITOR", &editor)]);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    let given = fs::read_to_string(world.path("given")).unwrap();
    assert!(
        given.starts_with("#| This is what") && given.ends_with(ROUTE),
        "{given}"
    );
    let State::Decided(answer) = world.find(&proposal).state else {
        panic!()
    };
    assert_eq!(answer.response.final_file, Some(ROUTE.replace("/v1/", "/v2/")));
}

#[test]
fn a_mistake_opens_the_editor_again_where_it_is() {
    let world = World::new();
    let proposal = world.ask("dev");
    let editor = sed(&world, "sed -i s,/v1/,v1, \"$file\"");
    let mut terminal = Terminal::start(&world, &["modify", &proposal.id], &[("EDITOR", &editor)]);
    terminal.wait_for("line 4: path_allowlist[0] must start with '/'");
    terminal.wait_for("edit it again?");
    sed(&world, "sed -i s,v1,/v3/, \"$file\"");
    terminal.type_in("y");
    terminal.wait_for("approve it in this form?");
    // The draft is given back, with the mistake above it and the cursor on its line.
    let given = fs::read_to_string(world.path("given")).unwrap();
    assert!(given.starts_with("#| line 4 below: "), "{given}");
    let called = fs::read_to_string(world.path("called")).unwrap();
    let at: usize = called.trim().trim_start_matches('+').parse().unwrap();
    assert_eq!(given.lines().nth(at - 1), Some("    \"v1\""));
    terminal.type_in("\r");
    terminal.wait_for("nothing was decided");
    assert_eq!(terminal.wait(), 0);
    assert!(world.audit().is_empty());
}

#[test]
fn a_modeline_keeps_the_editor_shut() {
    let world = World::new();
    let file = "FROM debian:13\n# vim: set modelineexpr:\n";
    world.propose(fixed("dev", 1, Tool::CapabilityBlock, file, "why"));
    let editor = editor(&world, "FROM y\n");
    let mut terminal = Terminal::start(&world, &["modify", "5eed"], &[("EDITOR", &editor)]);
    assert_eq!(terminal.wait(), 1);
    assert!(terminal.screen().contains("--file"), "{}", terminal.screen());
    assert!(!world.path("called").exists());
}

#[test]
fn a_dangerous_final_file_shows_its_risks_and_wants_the_code() {
    let world = World::new();
    let proposal = world.ask("dev");
    let code = &proposal.digest().short()[..4];
    let editor = editor(&world, "{\"host\": \"github.io\"}");
    for yes in [&["modify", &proposal.id][..], &["modify", &proposal.id, "--yes"]] {
        let mut terminal = Terminal::start(&world, yes, &[("EDITOR", &editor)]);
        terminal.wait_for("! public-suffix: ");
        terminal.wait_for("+{\"host\": \"github.io\"}");
        assert!(
            !terminal.screen().contains("unusual-spelling"),
            "{}",
            terminal.screen()
        );
        if yes.len() == 2 {
            terminal.wait_for("approve it in this form?");
            terminal.type_in("y");
        }
        terminal.wait_for(&format!("type {code} to approve"));
        terminal.type_in("y\r");
        terminal.wait_for("that is not the code");
        assert_eq!(terminal.wait(), 0);
        assert!(matches!(world.find(&proposal).state, State::Pending));
    }
    let mut terminal = Terminal::start(&world, &["modify", &proposal.id], &[("EDITOR", &editor)]);
    terminal.wait_for("approve it in this form?");
    terminal.type_in("y");
    terminal.wait_for(&format!("type {code} to approve"));
    terminal.type_in(&format!("{code}\r"));
    assert_eq!(terminal.wait(), 0);
    assert!(matches!(world.find(&proposal).state, State::Decided(_)));
}

#[test]
fn the_audit_has_what_was_proposed_after_the_queue_has_forgotten_it() {
    let world = World::new();
    let proposal = world.ask("dev");
    world
        .run_with(&["modify", &proposal.id, "--file", "-"], EDITED)
        .expect(0);
    let id = &proposal.id;
    world.sql(
        "dev",
        &format!(
            "UPDATE supervise_responses SET archived = 1; UPDATE supervise_proposals SET archived = 1;
            DELETE FROM supervise_responses; DELETE FROM supervise_proposals WHERE id = '{id}'"
        ),
    );
    let listed = world.run(&["audit", "list", "--json"]).expect(0).json();
    assert_eq!(listed[0]["proposal"]["proposed_file"], proposal.proposed_file);
    assert_eq!(listed[0]["digest"], proposal.digest().to_string());
    world.run(&["audit", "verify"]).expect(0);
    let exported = world.run(&["audit", "export"]).expect(0).out;
    world
        .run_with(&["audit", "verify", "--file", "-"], &exported)
        .expect(0);

    let forged = exported.replace(r#"/v1/\""#, r#"/v2/\""#);
    let ran = world
        .run_with(&["audit", "verify", "--file", "-"], &forged)
        .expect(1);
    assert!(ran.err.contains("what is kept as its proposal"), "{}", ran.err);
    world.host_sql("UPDATE supervise_audit_proposals SET proposal = replace(proposal, '/v1/', '/v2/')");
    let ran = world.run(&["audit", "verify"]).expect(1);
    assert!(
        ran.err.contains("entry 1: what is kept as its proposal"),
        "{}",
        ran.err
    );
    world.host_sql("UPDATE supervise_audit_proposals SET proposal = 'x'");
    world.run(&["audit", "verify"]).expect(1);
}

#[test]
fn only_a_modification_keeps_what_was_proposed() {
    let world = World::new();
    let proposal = world.ask("dev");
    world.run(&["approve", &proposal.id]).expect(0);
    let listed = world.run(&["audit", "list", "--json"]).expect(0).json();
    assert!(listed[0].get("proposal").is_none(), "{listed}");
}
