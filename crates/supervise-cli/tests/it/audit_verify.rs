//! `supervise audit verify`.

use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::audit::world_with_entries;
use crate::world::{World, block_on};

/// Another program that writes the host's database; it removes guards first if it must.
pub(crate) fn host_sql(world: &World, statements: &str) {
    block_on(async {
        let options = SqliteConnectOptions::new().filename(world.root.host_db());
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}

pub(crate) const FOREIGN: &str = "INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action,
    operator_notes, justification, diff) VALUES ('2026-11-21T00:00:00+00:00', 'dev', 'egress', 'approved', '', CAST(x'66ff' AS TEXT), '')";

#[test]
fn a_whole_log_says_what_was_compared() {
    let world = world_with_entries();
    let verified = world.run(&["audit", "verify"]).expect(0);
    let lines: Vec<&str> = verified.out.lines().collect();
    assert_eq!(lines[0], "whole: 5 entries are as they were written");
    assert_eq!(lines[1], "head:   entry 5");
    assert!(
        lines[2].starts_with("hash:   ") && lines[2].len() == 8 + 64,
        "{}",
        lines[2]
    );
    assert_eq!(lines[3], "anchor: agrees up to entry 5");
    assert_eq!(verified.err, "");
    let object = world.run(&["audit", "verify", "--json"]).expect(0).json();
    assert_eq!(object["ok"], true);
    assert_eq!((&object["entries"], &object["anchored"]), (&json!(5), &json!(5)));
    assert_eq!(object["problem"], Value::Null);
    world.run(&["audit", "verify", "--bottle", "dev"]).expect(2);
}

#[test]
fn no_log_is_no_broken_log() {
    let world = World::new();
    assert_eq!(world.run(&["audit", "verify"]).expect(0).out, "no entries\n");
    assert!(!world.root.path().exists());
}

#[test]
fn the_first_bad_entry_is_named() {
    let world = world_with_entries();
    host_sql(
        &world,
        "DROP TRIGGER supervise_audit_entries_fixed; UPDATE supervise_audit_entries SET operator_notes = 'yes' WHERE id >= 2",
    );
    let verified = world.run(&["audit", "verify"]).expect(1);
    assert_eq!(verified.out, "");
    assert_snapshot!(verified.err, @"error: entry 2: its content, or what is known of its origin, has been changed");
    let object = world.run(&["audit", "verify", "--json"]).expect(1).json();
    assert_eq!(object["ok"], false);
    assert_eq!(
        (&object["problem"]["id"], &object["problem"]["code"]),
        (&json!(2), &json!("changed"))
    );
}

#[test]
fn what_another_program_wrote_fails_only_strictly() {
    let world = world_with_entries();
    world.run(&["audit", "verify", "--strict"]).expect(0);
    host_sql(&world, FOREIGN);
    let verified = world.run(&["audit", "verify"]).expect(0);
    let last = verified.out.lines().last().unwrap();
    assert_eq!(
        last,
        "not in the chain yet, written by another program: 1 entries: 6"
    );
    world.run(&["audit", "verify", "--strict"]).expect(1);
}

#[test]
fn a_copy_of_the_anchor_shows_that_the_whole_log_was_written_anew() {
    let (world, other) = (world_with_entries(), World::new());
    let copy = world.path("copy");
    std::fs::copy(world.root.chain_log(), &copy).unwrap();
    let copy = copy.to_str().unwrap();
    world.run(&["audit", "verify", "--anchor", copy]).expect(0);
    other.ask("dev");
    other
        .run(&["approve", "--all", "--bottle", "dev", "--yes"])
        .expect(0);
    other.run(&["audit", "verify"]).expect(0);
    let verified = other.run(&["audit", "verify", "--anchor", copy]).expect(1);
    assert!(
        verified.err.contains("entry 1: the anchor has another hash"),
        "{}",
        verified.err
    );
    world
        .run(&["audit", "verify", "--anchor", "/nowhere/chain.log"])
        .expect(3);
}

#[test]
fn an_export_is_verified_without_its_log() {
    let world = world_with_entries();
    host_sql(&world, FOREIGN);
    world.ask("dev");
    world
        .run(&["approve", "--all", "--bottle", "dev", "--yes"])
        .expect(0);
    let export = world.run(&["audit", "export"]).expect(0).out;
    let verify = |text: &str| World::new().run_with(&["audit", "verify", "--file", "-", "--json"], text);
    let whole = verify(&export).expect(0).json();
    assert_eq!((&whole["chained"], &whole["adopted"]), (&json!(7), &json!(1)));
    assert!(
        whole["limits"][0]
            .as_str()
            .unwrap()
            .contains("missing at its end")
    );

    let lines: Vec<&str> = export.lines().collect();
    let code = |lines: &[&str]| {
        let problem = verify(&lines.join("\n")).expect(1).json()["problem"].clone();
        (
            problem["id"].as_i64().unwrap(),
            problem["code"].as_str().unwrap().to_owned(),
        )
    };
    for (at, line) in lines.iter().enumerate() {
        let id = at as i64 + 1;
        let changed = line
            .replace("\"component\":\"e", "\"component\":\"E")
            .replace("\"timestamp\":\"2", "\"timestamp\":\"3");
        let mut tampered = lines.clone();
        tampered[at] = &changed;
        assert_eq!(code(&tampered), (id, "changed".into()));
        if id < 7 {
            let mut shorter = lines.clone();
            shorter.remove(at);
            assert_eq!(code(&shorter), (id, "missing".into()));
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            assert_eq!(code(&swapped), (id, "missing".into()));
        }
    }

    // Where it ends is known to the anchor alone.
    let shorter = lines[..5].join("\n");
    verify(&shorter).expect(0);
    let anchor = world.root.chain_log();
    let arguments = [
        "audit",
        "verify",
        "--file",
        "-",
        "--anchor",
        anchor.to_str().unwrap(),
    ];
    World::new().run_with(&arguments, &export).expect(0);
    let ran = World::new().run_with(&arguments, &shorter).expect(1);
    assert!(ran.err.contains("entry 6: the anchor has it"), "{}", ran.err);
}

#[test]
fn a_part_is_verified_entry_by_entry_and_says_so() {
    let world = world_with_entries();
    let part = world.run(&["audit", "export", "--bottle", "dev"]).expect(0).out;
    let verify = |text: &str| World::new().run_with(&["audit", "verify", "--file", "-"], text);
    let ran = verify(&part).expect(0);
    assert!(ran.out.starts_with("whole: 3 entries"), "{}", ran.out);
    assert!(ran.err.contains("nothing says what is missing"), "{}", ran.err);
    let ran = verify(&part.replace("\"why\"", "\"because\"")).expect(1);
    assert!(ran.err.contains("entry 1: its content"), "{}", ran.err);
    // Said to be whole, it has gaps.
    let ran = verify(&part.replace(",\"filtered\":true", "")).expect(1);
    assert!(ran.err.contains("entry 2: it is missing"), "{}", ran.err);
}

#[test]
fn what_is_no_export_is_refused_with_its_line() {
    let world = world_with_entries();
    let export = world.run(&["audit", "export"]).expect(0).out;
    for (text, said) in [
        (format!("{export}[]\n"), "line 6: no JSON object"),
        (
            export.replacen("\"prev\"", "\"prov\"", 1),
            "line 1: 'prev' is missing",
        ),
        (
            export.replacen("\"link\":\"ours\"", "\"link\":\"mine\"", 1),
            "line 1: 'link'",
        ),
        (export.replacen("\"diff\"", "\"duff\"", 1), "line 1: "),
        (export.replacen("\"id\":1", "\"id\":\"1\"", 1), "line 1: 'id'"),
        ("\u{1b}[2J\n".repeat(2), "line 1: no JSON object"),
    ] {
        let ran = world
            .run_with(&["audit", "verify", "--file", "-"], &text)
            .expect(1);
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    world.run(&["audit", "verify", "--file", "nowhere"]).expect(3);
    assert_eq!(
        world
            .run_with(&["audit", "verify", "--file", "-"], "")
            .expect(0)
            .out,
        "no entries\n"
    );
}

#[test]
fn eight_programs_that_append_at_once_make_one_chain() {
    let world = World::new();
    let bottles: Vec<String> = (0..8).map(|number| format!("bottle-{number}")).collect();
    for bottle in &bottles {
        for number in 0..6 {
            let payload = format!("{{\n  \"host\": \"h{number}.example.com\"\n}}\n");
            world.propose(supervise_core::Proposal::new(
                &crate::world::slug(bottle),
                supervise_core::Tool::EgressAllow,
                payload,
                "why",
            ));
        }
    }
    let start = |bottle: &String| {
        let mut command: Command =
            world.command(&["reject", "--all", "--notes", "no", "--yes", "--bottle", bottle]);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = bottles.iter().map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let verified = world
        .run(&["audit", "verify", "--strict", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&verified["chained"], &verified["anchored"]),
        (&json!(48), &json!(48))
    );
}
