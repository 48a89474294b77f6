//! `supervise routes check`, and where `routes show` says that routes came from.

use std::fs;

use serde_json::Value;

use crate::effects::bottle::{Bottle, FILE};
use crate::world::World;

/// A bottle whose routes file was made by an edit, and then extended by an approval.
fn decided(world: &World) -> Bottle<'_> {
    let bottle = Bottle::new(world);
    fs::remove_file(bottle.routes()).unwrap();
    world
        .run_with(&["routes", "edit", "dev", "--file", "-", "--yes"], FILE)
        .expect(0);
    let proposal = world.ask("dev");
    world.run(&["approve", &proposal.id]).expect(0);
    bottle
}

fn check(world: &World, code: i32) -> Value {
    world
        .run(&["routes", "check", "dev", "--json"])
        .expect(code)
        .json()
}

#[test]
fn decided_routes_are_no_drift_and_each_says_who_put_it_in() {
    let world = World::new();
    let bottle = decided(&world);
    let ran = world.run(&["routes", "check", "dev"]).expect(0);
    assert_eq!(ran.out, "");
    assert!(
        ran.err.contains("dev: 2 routes, all of them explained"),
        "{}",
        ran.err
    );
    assert_eq!(
        check(&world, 0),
        serde_json::json!({
            "bottle_slug": "dev", "drift": false, "unexplained": [], "gone": [], "not_understood": [], "unsettled": false,
        })
    );

    let audit = world.audit();
    let shown = world.run(&["routes", "show", "dev"]).expect(0).out;
    for (line, (host, row)) in shown
        .lines()
        .zip(["example.com ", "api.example.com "].iter().zip(&audit))
    {
        let operator = row.origin.operator.as_deref().unwrap();
        let at = row.entry.timestamp[..19].replace('T', " ");
        assert!(line.starts_with(host), "{shown}");
        assert!(
            line.ends_with(&format!("  audit {}, {at}, by {operator}", row.id)),
            "{shown}"
        );
    }
    assert_eq!(shown.lines().count(), 2);
    let json = world.run(&["routes", "show", "dev", "--json"]).expect(0).json();
    let origin = &json[1]["origins"][0];
    assert_eq!(
        (origin["audit_id"].as_i64(), origin["operator_action"].as_str()),
        (Some(audit[1].id), Some("approved"))
    );
    assert_eq!(origin["path_allowlist"], serde_json::json!(["/v1/"]));
    assert_eq!(origin["timestamp"], audit[1].entry.timestamp);

    // A failed reload changes nothing and explains nothing.
    bottle.break_reload();
    world
        .run_with(&["routes", "edit", "dev", "--file", "-", "--yes"], "routes: []\n")
        .expect(7);
    check(&world, 0);
}

#[test]
fn what_was_written_by_hand_and_what_is_missing_is_drift() {
    let world = World::new();
    let bottle = decided(&world);
    let text = bottle.text();
    fs::write(bottle.routes(), format!("{text}  - host: \"evil.io\"\n")).unwrap();
    let ran = world.run(&["routes", "check", "dev"]).expect(1);
    assert_eq!(ran.out, "not explained  evil.io  every path  line 8\n");
    assert!(ran.err.contains("1 not explained, 0 gone"), "{}", ran.err);
    assert!(ran.err.contains("supervise routes edit dev"), "{}", ran.err);
    let json = check(&world, 1);
    assert_eq!(
        (
            json["drift"].as_bool(),
            json["unexplained"][0]["every_path"].as_bool()
        ),
        (Some(true), Some(true))
    );
    assert_eq!(
        (
            json["unexplained"][0]["host"].as_str(),
            json["unexplained"][0]["line"].as_u64()
        ),
        (Some("evil.io"), Some(8))
    );
    let shown = world.run(&["routes", "show", "dev"]).expect(0).out;
    assert!(
        shown
            .lines()
            .nth(2)
            .is_some_and(|line| line.starts_with("evil.io ") && line.ends_with("  not from here")),
        "{shown}"
    );

    fs::write(bottle.routes(), FILE.replace("/v1/", "/v1/x")).unwrap();
    let ran = world.run(&["routes", "check", "dev"]).expect(1);
    let lines: Vec<_> = ran.out.lines().collect();
    assert!(
        lines[0].starts_with("gone           api.example.com  /v1/  audit 2, "),
        "{}",
        ran.out
    );
    assert!(
        lines[1].starts_with("narrowed       example.com      /v1/  audit 1, "),
        "{}",
        ran.out
    );
    let json = check(&world, 1);
    assert_eq!(
        (
            json["gone"][0]["route"].as_str(),
            json["gone"][1]["route"].as_str()
        ),
        (Some("gone"), Some("narrowed"))
    );
    assert_eq!(json["gone"][0]["audit_id"], 2);

    // An edit that takes it out says so in the log, and puts nothing back.
    fs::write(bottle.routes(), &text).unwrap();
    world
        .run_with(&["routes", "edit", "dev", "--file", "-", "--yes"], FILE)
        .expect(0);
    check(&world, 0);
}

#[test]
fn routes_from_before_the_first_entry_are_not_from_here() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    assert_eq!(check(&world, 1)["unexplained"][0]["host"], "example.com");
    let proposal = world.ask("dev");
    world.run(&["approve", &proposal.id]).expect(0);
    let json = check(&world, 1);
    assert_eq!(json["unexplained"].as_array().unwrap().len(), 1);
    assert_eq!(json["unexplained"][0]["host"], "example.com");
    // Taken out and put back by edits it has its entry.
    let text = bottle.text();
    for edited in ["routes: []\n", &text] {
        world
            .run_with(&["routes", "edit", "dev", "--file", "-", "--yes"], edited)
            .expect(0);
    }
    check(&world, 0);
}

#[test]
fn entries_of_another_program_count_as_far_as_they_say() {
    let world = World::new();
    let bottle = decided(&world);
    fs::write(bottle.routes(), format!("{}  - host: other.io\n", bottle.text())).unwrap();
    let diff = "--- routes.yaml (current)\n+++ routes.yaml (proposed)\n@@ -0,0 +1,3 @@\n+{\n+  \"host\": \"other.io\"\n+}";
    let insert = |diff: &str| {
        format!(
            "INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action, operator_notes,
             justification, diff) VALUES ('2026-11-20T23:23:57+00:00', 'dev', 'egress', 'approved', '', '', '{diff}')"
        )
    };
    world.host_sql(&insert("by phone"));
    let json = check(&world, 1);
    assert_eq!(
        (
            json["not_understood"][0]["audit_id"].as_i64(),
            json["unexplained"][0]["host"].as_str()
        ),
        (Some(3), Some("other.io"))
    );
    world.host_sql(&insert(diff));
    let ran = world.run(&["routes", "check", "dev"]).expect(0);
    assert!(
        ran.err
            .contains("audit entry 3 is not understood: its diff is none"),
        "{}",
        ran.err
    );
    let shown = world.run(&["routes", "show", "dev"]).expect(0).out;
    assert!(shown.contains("audit 4, 2026-11-20 23:23:57, by ?\n"), "{shown}");
}

#[test]
fn without_a_file_there_is_nothing_to_check() {
    let world = World::new();
    world.run(&["routes", "check", "dev"]).expect(2);
    let bottle = Bottle::new(&world);
    fs::write(bottle.routes(), "routes:\n  - host: [\n").unwrap();
    let ran = world.run(&["routes", "check", "dev"]).expect(1);
    assert!(
        ran.err.contains("routes.yaml: line ") && ran.out.is_empty(),
        "{}",
        ran.err
    );
    fs::remove_file(bottle.routes()).unwrap();
    world.run(&["routes", "check", "dev"]).expect(3);
}
