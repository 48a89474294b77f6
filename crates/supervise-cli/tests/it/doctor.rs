//! `supervise doctor`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::Value;
use supervise_core::{Proposal, Tool};

use crate::world::{World, slug};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The only finding whose text holds `text`.
#[track_caller]
fn finding<'a>(findings: &'a Value, text: &str) -> &'a Value {
    let all = findings.as_array().unwrap();
    let mut found = all
        .iter()
        .filter(|one| one["text"].as_str().unwrap().contains(text));
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {text:?} in {findings:#}"));
    assert!(found.next().is_none(), "{text:?} twice in {findings:#}");
    one
}

#[test]
fn what_is_well_is_said_to_be() {
    let world = World::new();
    let ran = world.run(&["doctor"]).expect(0);
    assert!(ran.out.contains("there is no such root yet"), "{}", ran.out);
    let proposal = world.ask("dev");
    world.run(&["approve", &proposal.id]).expect(0);
    world.ask("dev");
    let ran = world.run(&["doctor"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "nothing is wrong\n"));
    assert_eq!(world.run(&["doctor", "--json"]).expect(0).out, "[]\n");
    world.run(&["doctor", "--bottle", "none"]).expect(3);
}

#[test]
fn modes_are_named_with_what_mends_them() {
    let world = World::new();
    let proposal = world.ask("dev");
    world.run(&["approve", &proposal.id]).expect(0);
    let (db, dir) = (
        world.root.queue_db(&slug("dev")),
        world.root.queue_dir(&slug("dev")),
    );
    chmod(&db, 0o644);
    chmod(&dir, 0o755);
    chmod(&world.root.host_db(), 0o666);
    let findings = world.run(&["doctor", "--json"]).expect(1).json();
    for (path, mode) in [(&db, "0644"), (&dir, "0755"), (&world.root.host_db(), "0666")] {
        let found = finding(&findings, mode);
        assert_eq!(
            (&found["level"], &found["about"]),
            (&"wrong".into(), &path.to_str().unwrap().into())
        );
        // The command does mend it.
        let mend = found["mend"].as_str().unwrap();
        assert!(
            std::process::Command::new("sh")
                .args(["-c", mend])
                .status()
                .unwrap()
                .success()
        );
    }
    world.run(&["doctor"]).expect(0);
}

#[test]
fn what_is_no_bottle_or_no_queue_is_named() {
    let world = World::new();
    for bottle in ["good", "garbage", "foreign", "linked"] {
        world.ask(bottle);
    }
    fs::write(
        world.root.queue_db(&slug("garbage")),
        "no database at all, however long",
    )
    .unwrap();
    world.sql(
        "foreign",
        "CREATE TRIGGER evil AFTER INSERT ON supervise_proposals BEGIN SELECT 1; END",
    );
    let linked = world.root.queue_db(&slug("linked"));
    fs::rename(&linked, world.path("elsewhere.db")).unwrap();
    symlink(world.path("elsewhere.db"), &linked).unwrap();
    fs::create_dir(world.root.queues_dir().join("No\u{1b}Slug")).unwrap();
    let findings = world.run(&["doctor", "--json"]).expect(1).json();
    assert_eq!(
        finding(&findings, "it can't be a bottle")["about"],
        "No\u{1b}Slug"
    );
    assert_eq!(finding(&findings, "foreign trigger")["about"], "foreign");
    assert!(
        findings
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["about"] == "garbage")
    );
    finding(&findings, "it is a symbolic link");
    assert!(!findings.to_string().contains("good"));
    let ran = world.run(&["doctor"]).expect(1);
    assert!(
        ran.out.contains("No<U+001B>Slug") && !ran.out.contains('\u{1b}'),
        "{}",
        ran.out
    );
    world.run(&["doctor", "--bottle", "good"]).expect(0);
    // What is put aside as it says is no bottle any more.
    for one in findings.as_array().unwrap() {
        let mend = one["mend"].as_str().unwrap();
        let command = mend.strip_prefix("stop the bottle, then: ").unwrap_or(mend);
        if command.starts_with("mv ") {
            let status = std::process::Command::new("sh").args(["-c", command]).status();
            assert!(status.unwrap().success(), "{command}");
        }
    }
    world.run(&["doctor"]).expect(0);
}

#[test]
fn rows_that_are_never_listed_are_named_and_can_be_put_away() {
    let world = World::new();
    world.ask("dev");
    let odd = Proposal::new(&slug("other"), Tool::GitleaksAllow, "x", "why");
    world.sql(
        "dev",
        &format!(
            "INSERT INTO supervise_proposals VALUES ('{}', 'other', 'gitleaks-allow', 'x', 'why', '{}', '{}', 0)",
            odd.id, odd.arrival_timestamp, odd.current_file_hash
        ),
    );
    let findings = world.run(&["doctor", "--json"]).expect(1).json();
    let found = finding(&findings, "is never listed");
    let mend = found["mend"].as_str().unwrap();
    let (_, statement) = mend.split_once(" '").unwrap();
    let (_, statement) = statement.split_once(" '").unwrap_or(("", statement));
    world.sql("dev", statement.trim_end_matches('\''));
    world.run(&["doctor"]).expect(0);
}

#[test]
fn a_mistake_in_the_configuration_is_found() {
    let world = World::new();
    world.ask("dev");
    fs::write(world.root.config(), "operator = \"ada\"\nnonsense = 1\n").unwrap();
    chmod(&world.root.config(), 0o600);
    let findings = world.run(&["doctor", "--json"]).expect(1).json();
    finding(&findings, "line 2");
}
