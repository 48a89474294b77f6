//! `supervise routes edit`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use supervise_core::render_diff;

use crate::effects::bottle::{Bottle, CONFIG, FILE};
use crate::terminal::Terminal;
use crate::world::World;

const MORE: &str = "# by hand\nroutes:\n  - host: example.com  # docs\n    path_allowlist: [/v1/, /v2/]\n  - host: docs.example.org\n";
const CONFIRM: &str = "put these routes in force?";

fn edit(world: &World, text: &str, more: &[&str]) -> crate::world::Ran {
    let arguments = [&["routes", "edit", "dev", "--file", "-"], more].concat();
    world.run_with(&arguments, text)
}

#[test]
fn an_edit_is_written_reloaded_and_audited() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let ran = edit(&world, MORE, &["--yes", "--json", "--notes", "the docs moved"]).expect(0);
    assert_eq!(ran.json()["applied"], true);
    for said in [
        "│ +  - host: docs.example.org",
        "example.com: opens /v2/",
        "docs.example.org: opens every path",
        "! whole-host: every path of docs.example.org would be open",
        "is written and in force",
    ] {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    assert_eq!(bottle.text(), MORE);
    assert_eq!((bottle.in_force().as_deref(), bottle.reloads()), (Some(MORE), 1));
    let row = world.audit().remove(0);
    assert_eq!(ran.json()["audit_id"], row.id);
    assert_eq!(row.entry.operator_action, "operator-edit");
    assert_eq!(
        (row.entry.component.as_str(), row.entry.bottle_slug.as_str()),
        ("egress", "dev")
    );
    assert_eq!(row.entry.diff, render_diff(FILE, MORE, "routes.yaml"));
    assert_eq!(
        (
            row.entry.operator_notes.as_str(),
            row.entry.justification.as_str()
        ),
        ("the docs moved", "")
    );
    assert!(row.origin.operator.unwrap().starts_with("ada ("));
    assert_eq!(row.origin.via.as_deref(), Some("supervise routes edit"));
    assert_eq!((row.origin.proposal_id, row.origin.digest), (None, None));
}

#[test]
fn unchanged_does_nothing_and_what_is_bad_is_refused() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let ran = edit(&world, FILE, &["--json"]).expect(0);
    assert_eq!(
        (ran.json()["applied"].as_bool(), ran.json()["audit_id"].is_null()),
        (Some(false), true)
    );
    edit(&world, " \n", &["--yes"]).expect(2);
    let table = [
        ("routes:\n  - host: [\n", "line "),
        (
            "routes:\n  - host: a.io\n  - host: A.io\n",
            "line 3: host 'a.io' has a route already in line 2",
        ),
        ("routes:\n  - &x {host: a.io}\n", "line 2: an anchor"),
        ("routes:\n  - host: a.io/v1\n", "line 2: 'host' must be"),
        (
            "routes:\n  - host: a.io\n    auth: {scheme: Bearer, token_ref: s3cr-et}\n",
            "never the token itself",
        ),
    ];
    for (text, said) in table {
        let ran = edit(&world, text, &["--yes"]).expect(1);
        assert!(ran.err.contains(said), "{text}: {}", ran.err);
    }
    // There is nobody to confirm it.
    edit(&world, MORE, &[]).expect(6);
    world.run(&["routes", "edit", "dev"]).expect(6);
    world
        .run(&["routes", "edit", "dev", "--file", "missing.yaml"])
        .expect(3);
    assert_eq!((bottle.text().as_str(), bottle.reloads()), (FILE, 0));
    assert!(world.audit().is_empty());
}

#[test]
fn without_a_routes_file_it_says_what_to_configure() {
    let world = World::new();
    let ran = edit(&world, MORE, &["--yes"]).expect(2);
    assert!(
        ran.err.contains("routes_file") && ran.err.contains("supervise.toml"),
        "{}",
        ran.err
    );
}

#[test]
fn a_missing_file_is_made_and_an_edit_may_close_everything() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    fs::remove_file(bottle.routes()).unwrap();
    edit(&world, MORE, &["--yes"]).expect(0);
    assert_eq!(bottle.text(), MORE);
    let ran = edit(&world, "routes: []\n", &["--yes"]).expect(0);
    assert!(
        ran.err.contains("docs.example.org: closes every path"),
        "{}",
        ran.err
    );
    assert_eq!(bottle.in_force().as_deref(), Some("routes: []\n"));
    assert_eq!(world.audit().len(), 2);
}

#[test]
fn a_failing_reload_leaves_everything_as_it_was() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    bottle.break_reload();
    let ran = edit(&world, MORE, &["--yes"]).expect(7);
    assert!(ran.err.contains("the routes are as they were"), "{}", ran.err);
    assert_eq!(
        (bottle.text().as_str(), bottle.in_force().as_deref()),
        (FILE, Some(FILE))
    );
    let row = world.audit().remove(0);
    assert_eq!(
        (row.entry.operator_action.as_str(), row.entry.diff.as_str()),
        ("apply-failed", "")
    );
    assert!(
        row.entry
            .operator_notes
            .starts_with("operator-edit was rolled back: ")
    );
}

/// An editor that does what `script` says with its last argument, `$file`.
fn editor(world: &World, script: &str) -> String {
    let path = world.path("editor.sh");
    fs::write(&path, format!("#!/bin/sh\nfor file; do :; done\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn the_editor_opens_again_at_a_mistake_and_the_edit_is_confirmed() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    // First it breaks the file, then it mends it.
    let script = "if grep -q oops \"$file\"; then grep -q 'line 5 below' \"$file\" && sed -i 's/oops: \\[/host: new.example.org/' \"$file\"
else echo '  - oops: [' >> \"$file\"; fi";
    let editor = editor(&world, script);
    let mut terminal = Terminal::start(&world, &["routes", "edit", "dev"], &[("EDITOR", &editor)]);
    terminal.wait_for("edit it again?");
    terminal.type_in("y");
    terminal.wait_for("new.example.org: opens every path");
    terminal.wait_for(CONFIRM);
    terminal.type_in("y");
    terminal.wait_for("audit entry 1");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(bottle.text(), format!("{FILE}  - host: new.example.org\n"));
    assert_eq!(bottle.in_force(), Some(bottle.text()));
}

#[test]
fn a_file_with_windows_line_ends_keeps_them() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    fs::write(bottle.routes(), FILE.replace('\n', "\r\n")).unwrap();
    let editor = editor(&world, "echo '  - host: new.example.org' >> \"$file\"");
    let mut terminal = Terminal::start(
        &world,
        &["routes", "edit", "dev", "--yes"],
        &[("EDITOR", &editor)],
    );
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    let expected = format!("{FILE}  - host: new.example.org\n").replace('\n', "\r\n");
    assert_eq!(bottle.text(), expected);
}

#[test]
fn a_file_that_moved_meanwhile_is_left_alone_and_the_text_is_kept() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let editor = editor(&world, "echo '  - host: new.example.org' >> \"$file\"");
    let mut terminal = Terminal::start(&world, &["routes", "edit", "dev"], &[("EDITOR", &editor)]);
    terminal.wait_for(CONFIRM);
    fs::write(bottle.routes(), MORE).unwrap();
    terminal.type_in("y");
    terminal.wait_for("has changed since it was opened");
    terminal.wait_for("what you wrote is kept in ");
    assert_eq!(terminal.wait(), 5);
    assert_eq!((bottle.text().as_str(), bottle.reloads()), (MORE, 0));
    let kept = fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap());
    let kept = kept.filter(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .starts_with("supervise-routes-")
    });
    let texts: Vec<String> = kept
        .map(|entry| fs::read_to_string(entry.path()).unwrap())
        .collect();
    assert_eq!(texts, [format!("{FILE}  - host: new.example.org\n")]);
}

#[test]
fn no_means_nothing() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let editor = editor(&world, "echo '  - host: new.example.org' >> \"$file\"");
    let mut terminal = Terminal::start(&world, &["routes", "edit", "dev"], &[("EDITOR", &editor)]);
    terminal.wait_for(CONFIRM);
    terminal.type_in("\r");
    terminal.wait_for("nothing was done");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(bottle.text(), FILE);
    assert!(world.audit().is_empty());
}

/// Kills the program, then does what a reload does.
const KILLS: &str = "kill -9 $PPID\ncat \"$1\" > \"$2\"; echo done >> reloads\n";
const RELOADS: &str = "cat \"$1\" > \"$2\"; echo done >> reloads\n";

fn killed(world: &World) {
    fs::write(world.path("more.yaml"), MORE).unwrap();
    let arguments = ["routes", "edit", "dev", "--yes", "--file", "more.yaml"];
    let output = world.command(&arguments).output().unwrap();
    assert_eq!(
        output.status.signal(),
        Some(9),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(world.audit().is_empty());
}

#[test]
fn killed_during_the_reload_it_is_finished_by_the_next_to_look() {
    for with_queue in [false, true] {
        let world = World::new();
        let bottle = Bottle::new(&world);
        if with_queue {
            world.ask("dev");
        }
        bottle.script(KILLS);
        killed(&world);
        bottle.script(RELOADS);
        let ran = world.run(&["list"]).expect(0);
        assert!(
            ran.err.contains("dev: finished an interrupted edit"),
            "{}",
            ran.err
        );
        assert_eq!(
            (bottle.text().as_str(), bottle.in_force().as_deref()),
            (MORE, Some(MORE))
        );
        let audit = world.audit();
        assert_eq!(audit.len(), 1);
        assert_eq!(audit[0].entry.operator_action, "operator-edit");
        assert!(!world.run(&["list"]).expect(0).err.contains("interrupted"));
    }
}

#[test]
fn killed_during_the_reload_and_then_failing_it_is_undone() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    bottle.script(KILLS);
    killed(&world);
    bottle.script("[ -e refused ] || { : > refused; exit 4; }");
    // The next edit settles it first, and then finds another file than it opened.
    edit(&world, &format!("{MORE}  - host: b.io\n"), &["--yes"]).expect(5);
    assert_eq!(bottle.text(), FILE);
    let audit = world.audit();
    assert_eq!(audit.len(), 1);
    assert_eq!(audit[0].entry.operator_action, "apply-failed");
}

/// Killed at moments spread over the whole edit, whatever it is doing then.
#[test]
fn killed_at_any_moment_there_is_one_effect_or_none() {
    for round in 0..20 {
        let world = World::new();
        let bottle = Bottle::new(&world);
        bottle.script(&format!("sleep 0.02\n{RELOADS}"));
        fs::write(world.path("more.yaml"), MORE).unwrap();
        let arguments = ["routes", "edit", "dev", "--yes", "--file", "more.yaml"];
        let mut command = world.command(&arguments);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(3) * round);
        let _ = child.kill();
        child.wait().unwrap();
        std::thread::sleep(Duration::from_millis(60));
        world.run(&["list"]).expect(0);
        let edited = world
            .audit()
            .iter()
            .any(|row| row.entry.operator_action == "operator-edit");
        let expected = if edited { MORE } else { FILE };
        assert_eq!(bottle.text(), expected);
        assert!(bottle.in_force().is_none_or(|text| text == expected));
        assert!(world.audit().len() <= 1);
    }
}

#[test]
fn the_proxy_has_the_last_word() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let config = CONFIG.replace(
        "[capability]",
        "introspect = \"http://127.0.0.1:9/\"\n[capability]",
    );
    fs::write(bottle.root().join("supervise.toml"), config).unwrap();
    let ran = edit(&world, MORE, &["--yes"]).expect(0);
    assert!(ran.err.contains("can't be confirmed"), "{}", ran.err);
}
