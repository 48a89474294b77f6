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
    assert_eq!(ran.out, "");
    assert!(
        ran.err.starts_with("dev: its queue is sqlite, on "),
        "{}",
        ran.err
    );
    assert!(ran.err.ends_with("\nnothing is wrong\n"), "{}", ran.err);
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

#[test]
fn a_mistake_in_a_value_is_found_with_its_line() {
    let world = World::new();
    world.ask("dev");
    for (text, line) in [
        ("\noperator = \" \"\n", "line 2: 'operator'"),
        (
            "[egress]\nroutes_file = \"x/\"\nreload = [\"true\"]\n",
            "line 2: a file's path",
        ),
        (
            "[egress]\nroutes_file = \"x\"\nreload = []\n",
            "line 3: a command",
        ),
        (
            "[capability]\ndockerfile = \"x\"\n\nrebuild = [\"\"]\n",
            "line 4: a command",
        ),
        (
            "[notify]\ncommand = [\"{summary}\"]\n",
            "line 2: what an agent asks",
        ),
    ] {
        configure(&world, text);
        finding(&world.run(&["doctor", "--json"]).expect(1).json(), line);
    }
}

fn configure(world: &World, text: &str) {
    fs::write(world.root.config(), text).unwrap();
    chmod(&world.root.config(), 0o600);
}

fn shell(command: &str) {
    let status = std::process::Command::new("sh").args(["-c", command]).status();
    assert!(status.unwrap().success(), "{command}");
}

/// Runs what a `sqlite3` command of a finding would.
fn mend_rows(world: &World, bottle: &str, finding: &Value) {
    let mend = finding["mend"].as_str().unwrap();
    let db = world.root.queue_db(&slug(bottle)).display().to_string();
    let statements = mend.strip_prefix(&format!("sqlite3 '{db}' '")).unwrap();
    world.sql(bottle, statements.strip_suffix('\'').unwrap());
}

#[test]
fn answers_that_nobody_audited_are_named() {
    let world = World::new();
    let decided = world.ask("dev");
    world.run(&["approve", &decided.id]).expect(0);
    let (forged, foreign) = (world.ask("dev"), world.ask("dev"));
    for proposal in [&forged, &foreign] {
        world.sql(
            "dev",
            &format!(
                "INSERT INTO supervise_responses VALUES ('{}', 'approved', '', 'x', 0)",
                proposal.id
            ),
        );
    }
    // The Python program's entry names no proposal. It is its own only once: both answers look alike to it.
    let findings = world.run(&["doctor", "--json"]).expect(1).json();
    let texts = findings.to_string();
    assert!(texts.contains(&forged.id) && texts.contains(&foreign.id) && !texts.contains(&decided.id));
    let found = finding(&findings, &forged.id);
    assert!(found["text"].as_str().unwrap().contains("has no audit entry"));
    let mend = found["mend"].as_str().unwrap();
    let words: Vec<&str> = mend.split(' ').skip(1).collect();
    world.run(&words).expect(0);
    world.host_sql(&format!(
        "INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action, operator_notes,
            justification, diff) VALUES ('2026-11-20T00:00:00+00:00', 'dev', 'egress', 'approved', '', '{}', '')",
        foreign.justification
    ));
    world.run(&["doctor"]).expect(0);
    // An answer of another kind than the entry's is not the one that was audited.
    let other = world.ask("dev");
    world.sql(
        "dev",
        &format!(
            "INSERT INTO supervise_responses VALUES ('{}', 'rejected', '', NULL, 1)",
            other.id
        ),
    );
    finding(&world.run(&["doctor", "--json"]).expect(1).json(), &other.id);
}

#[test]
fn what_belongs_to_nothing_is_named_and_can_be_put_away() {
    let world = World::new();
    world.ask("dev");
    world.sql(
        "dev",
        "INSERT INTO supervise_responses VALUES ('gone', 'approved', '', 'x', 0);
         INSERT INTO supervise_joins VALUES ('gone', 1);
         INSERT INTO supervise_outcomes VALUES ('gone', 'yes');
         INSERT INTO supervise_timeouts VALUES ('gone', 'then');
         INSERT INTO supervise_withdrawals VALUES ('gone', '2999-01-01')",
    );
    let lock = world.root.bottle_lock(&slug("gone"));
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    chmod(lock.parent().unwrap(), 0o700);
    fs::write(&lock, "").unwrap();
    let findings = world.run(&["doctor", "--json"]).expect(1).json();
    mend_rows(&world, "dev", finding(&findings, "answers belong to no proposal"));
    for table in ["joins", "outcomes", "timeouts", "withdrawals"] {
        mend_rows(
            &world,
            "dev",
            finding(&findings, &format!("rows of supervise_{table}")),
        );
    }
    shell(finding(&findings, "the lock of 'gone'")["mend"].as_str().unwrap());
    assert_eq!(world.run(&["doctor"]).expect(0).out, "");
}

#[test]
fn a_clock_behind_the_last_entry_is_wrong() {
    let world = World::new();
    world.ask("dev");
    let decided = world.ask("dev");
    world.run(&["approve", &decided.id]).expect(0);
    world.host_sql(
        "INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action, operator_notes,
            justification, diff) VALUES ('2999-01-01T00:00:00+00:00', 'dev', 'egress', 'operator-edit', '', '', '')",
    );
    let findings = world.run(&["doctor", "--json"]).expect(1).json();
    let found = finding(&findings, "behind the last audit entry");
    assert_eq!(found["about"], "the clock");
}

#[test]
fn programs_and_files_of_the_configuration_are_looked_at() {
    let world = World::new();
    world.ask("dev");
    let bin = world.root.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    for (name, mode) in [("good", 0o755), ("open", 0o777), ("dead", 0o644)] {
        fs::write(bin.join(name), "#!/bin/sh\n").unwrap();
        chmod(&bin.join(name), mode);
    }
    let config = |reload: &str, notify: &str, routes: &str| {
        configure(
            &world,
            &format!(
                "[egress]\nroutes_file = \"{routes}\"\nreload = [\"{reload}\"]\n[notify]\ncommand = [\"{notify}\"]\n"
            ),
        );
        world.run(&["doctor", "--json"])
    };
    // A directory that isn't there is made by what is said to mend it.
    let findings = config("bin/good", "true", "egress/{slug}/routes.yaml")
        .expect(1)
        .json();
    shell(
        finding(&findings, "its directory is not there")["mend"]
            .as_str()
            .unwrap(),
    );
    assert_eq!(
        config("bin/good", "true", "egress/{slug}/routes.yaml")
            .expect(0)
            .out,
        "[]\n"
    );
    let findings = config("bin/open", "no-such-program", "egress/{slug}/routes.yaml")
        .expect(1)
        .json();
    assert_eq!(finding(&findings, "is not found")["about"], "[notify] command");
    let found = finding(&findings, "can be written by others");
    assert_eq!(found["about"], "[egress] reload");
    shell(found["mend"].as_str().unwrap());
    let findings = config("bin/dead", "bin/{slug}", "egress/{slug}/routes.yaml")
        .expect(1)
        .json();
    assert!(
        finding(&findings, "is not found")["text"]
            .to_string()
            .contains("bin/dev")
    );
    shell(finding(&findings, "may not be run")["mend"].as_str().unwrap());
    config("bin/dead", "bin/open", "egress/{slug}/routes.yaml").expect(0);
    // A program that anybody could put another in the place of.
    chmod(&bin, 0o777);
    let findings = config("bin/good", "true", "egress/{slug}/routes.yaml")
        .expect(1)
        .json();
    shell(
        finding(&findings, "can be replaced by others")["mend"]
            .as_str()
            .unwrap(),
    );
    chmod(&bin, 0o755);
    // The file itself.
    let routes = world.root.path().join("egress/dev/routes.yaml");
    fs::write(&routes, "routes: [\n").unwrap();
    let findings = config("bin/good", "true", "egress/{slug}/routes.yaml")
        .expect(1)
        .json();
    assert_eq!(findings[0]["about"], routes.to_str().unwrap());
    fs::remove_file(&routes).unwrap();
    symlink("/etc/passwd", &routes).unwrap();
    let findings = config("bin/good", "true", "egress/{slug}/routes.yaml")
        .expect(1)
        .json();
    finding(&findings, "is a symbolic link");
    fs::remove_file(&routes).unwrap();
    config("bin/good", "true", "egress/{slug}/routes.yaml").expect(0);
}

#[test]
fn a_root_that_others_can_write_is_wrong() {
    let world = World::new();
    world.ask("dev");
    chmod(world.root.path(), 0o775);
    let findings = world.run(&["doctor", "--json"]).expect(1).json();
    shell(
        finding(&findings, "others can replace what is in it")["mend"]
            .as_str()
            .unwrap(),
    );
    world.run(&["doctor"]).expect(0);
}
