//! `supervise submit`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use supervise_core::Tool;
use supervise_store::State;

use crate::world::{Ran, World, slug};

const BASE: [&str; 6] = [
    "submit",
    "gitleaks-allow",
    "--file",
    "-",
    "--justification",
    "a test key",
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&BASE[..], more].concat()
}

#[test]
fn a_finding_is_queued_under_its_id() {
    let world = World::new();
    let ran = world
        .run_with(&with(&["--bottle", "dev"]), "{\"rule\": 1}\n")
        .expect(0);
    let id = ran.out.trim_end();
    let listed = world.run(&["list", "--json"]).expect(0).json();
    assert_eq!(listed[0]["id"], id);
    assert_eq!(listed[0]["tool"], "gitleaks-allow");
    assert_eq!(listed[0]["proposed_file"], "{\"rule\": 1}\n");
    assert_eq!(listed[0]["justification"], "a test key");
    let ran = world
        .run_with(&with(&["--bottle", "dev", "--json"]), "x")
        .expect(0);
    assert_eq!(ran.json()["status"], "pending");
}

#[test]
fn the_queue_is_named_in_three_ways() {
    let world = World::new();
    let dir = world.root.queue_dir(&slug("dev"));
    let dir = dir.to_str().unwrap();
    world.run_with(&with(&["--queue-dir", dir]), "x").expect(0);
    let submit = |environment: &[(&str, &str)]| {
        let mut command = world.command(&[
            "submit",
            "egress-token-allow",
            "--file",
            "f",
            "--justification",
            "j",
        ]);
        Ran::of(command.envs(environment.iter().copied()).output().unwrap())
    };
    std::fs::write(world.path("f"), "payload").unwrap();
    submit(&[("SUPERVISE_QUEUE_DIR", dir)]).expect(0);
    // As in a container, where the directory's name says nothing.
    let mounted = world.path("queue");
    let mounted = mounted.to_str().unwrap();
    submit(&[("SUPERVISE_QUEUE_DIR", mounted), ("SUPERVISE_BOTTLE_SLUG", "ci")]).expect(0);
    submit(&[
        ("SUPERVISE_QUEUE_DIR", mounted),
        ("SUPERVISE_BOTTLE_SLUG", "No Slug"),
    ])
    .expect(2);
    submit(&[("SUPERVISE_QUEUE_DIR", " ")]).expect(2);
    world
        .run_with(&with(&["--queue-dir", dir, "--bottle", "dev"]), "x")
        .expect(2);
    world
        .run_with(&with(&["--bottle", "a", "--bottle", "b"]), "x")
        .expect(2);
    assert_eq!(world.run(&["list", "--json"]).json().as_array().unwrap().len(), 2);
}

#[test]
fn what_an_operator_could_not_judge_is_refused() {
    let world = World::new();
    let submit = |tool: &str, file: &str, why: &str, input: &str| {
        world.run_with(
            &[
                "submit",
                tool,
                "--bottle",
                "dev",
                "--file",
                file,
                "--justification",
                why,
            ],
            input,
        )
    };
    for tool in [
        "egress-allow",
        "egress-block",
        "capability-block",
        "list-egress-routes",
        "check-proposal",
    ] {
        let ran = submit(tool, "-", "why", "x").expect(2);
        assert!(
            ran.err.contains("MCP") && ran.err.contains("gitleaks-allow and egress-token-allow"),
            "{}",
            ran.err
        );
    }
    assert!(
        submit("sudo", "-", "why", "x")
            .expect(2)
            .err
            .contains("there is no tool sudo")
    );
    submit("gitleaks-allow", "-", " \n", "x").expect(2);
    submit("gitleaks-allow", "-", &"é".repeat(4001), "x").expect(2);
    submit("gitleaks-allow", "-", "why", " \n").expect(2);
    submit("gitleaks-allow", "-", "why", &"x".repeat((1 << 20) + 1)).expect(2);
    submit("gitleaks-allow", "missing", "why", "").expect(3);
    std::fs::write(world.path("latin1"), b"caf\xe9").unwrap();
    submit("gitleaks-allow", "latin1", "why", "").expect(1);
    assert!(!world.root.path().exists());
    submit("gitleaks-allow", "-", &"é".repeat(4000), &"x".repeat(1 << 20)).expect(0);
}

/// Starts `submit --wait`, decides with `verb` once it is listed, and returns how it ended.
fn waited(world: &World, more: &[&str], verb: &[&str]) -> Ran {
    std::fs::write(world.path("f"), "payload\n").unwrap();
    let base = [
        "submit",
        "gitleaks-allow",
        "--file",
        "f",
        "--justification",
        "j",
        "--bottle",
        "dev",
        "--wait",
    ];
    let mut command = world.command(&[&base[..], more].concat());
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let give_up = Instant::now() + Duration::from_secs(10);
    let id = loop {
        let listed = world.run(&["list", "--json"]);
        if let Some(id) = listed.json()[0]["id"].as_str() {
            break id.to_owned();
        }
        assert!(Instant::now() < give_up);
    };
    world.run(&[&[verb[0], &id], &verb[1..]].concat()).expect(0);
    let ran = Ran::of(child.wait_with_output().unwrap());
    // Delivered: the rows are archived, so nobody is told a second time.
    let archived = world.with_queue(&slug("dev"), async |queue| {
        assert!(matches!(
            queue.proposal_find(&id).await.unwrap()[0].state,
            State::Decided(_)
        ));
        queue.proposal_page().await.unwrap().total
    });
    assert_eq!(archived, 0);
    assert!(ran.json_or_first_line_is(&id), "{}", ran.out);
    world.expect_archived(&id);
    ran
}

impl Ran {
    fn json_or_first_line_is(&self, id: &str) -> bool {
        self.out.starts_with(id) || self.json()["id"] == id
    }
}

impl World {
    fn expect_archived(&self, id: &str) {
        // Fails on a division by zero unless both rows carry the flag.
        let count = format!(
            "SELECT 1 / (SELECT count(*) FROM supervise_proposals p JOIN supervise_responses r ON r.proposal_id = p.id
             WHERE p.id = '{id}' AND p.archived = 1 AND r.archived = 1)"
        );
        self.sql(
            "dev",
            &format!("CREATE TEMP TABLE t (x NOT NULL); INSERT INTO t {count}"),
        );
    }
}

#[test]
fn waiting_ends_with_the_decision() {
    let world = World::new();
    let ran = waited(&world, &[], &["approve", "--notes", "fine"]).expect(0);
    assert!(
        ran.out.ends_with("\nstatus: approved\nnotes: fine\n"),
        "{}",
        ran.out
    );
    let ran = waited(&world, &["--timeout", "60"], &["reject", "--notes", "no\u{1b}[m"]).expect(8);
    assert!(
        ran.out.ends_with("\nstatus: rejected\nnotes: no<U+001B>[m\n"),
        "{}",
        ran.out
    );
    let ran = waited(&world, &["--json"], &["reject", "--notes", ""]).expect(8);
    assert_eq!(ran.json()["status"], "rejected");
    assert_eq!(ran.json()["final_file"], serde_json::Value::Null);
}

#[test]
fn an_edited_answer_comes_with_its_final_file() {
    let world = World::new();
    std::fs::write(world.path("edited"), "edited\n").unwrap();
    let ran = waited(&world, &[], &["modify", "--file", "edited"]).expect(0);
    assert!(
        ran.out.ends_with("\nstatus: modified\nfinal file:\nedited\n"),
        "{}",
        ran.out
    );
    let ran = waited(
        &world,
        &["--json"],
        &["modify", "--file", "edited", "--notes", "n"],
    )
    .expect(0);
    assert_eq!(
        (&ran.json()["final_file"], &ran.json()["notes"]),
        (&"edited\n".into(), &"n".into())
    );
    assert_eq!(ran.json()["applied"], false);
}

#[test]
fn not_decided_in_time_is_9_and_it_stays_pending() {
    let world = World::new();
    let ran = world
        .run_with(&with(&["--bottle", "dev", "--wait", "--timeout", "0.1"]), "x")
        .expect(9);
    assert!(ran.out.ends_with("status: pending\n"), "{}", ran.out);
    let ran = world
        .run_with(
            &with(&["--bottle", "dev", "--wait", "--timeout", "0", "--json"]),
            "x",
        )
        .expect(9);
    assert_eq!(ran.json()["status"], "pending");
    assert_eq!(world.run(&["list", "--json"]).json().as_array().unwrap().len(), 2);
    world
        .run_with(&with(&["--bottle", "dev", "--timeout", "1"]), "x")
        .expect(2);
    world
        .run_with(&with(&["--bottle", "dev", "--wait", "--timeout", "-1"]), "x")
        .expect(2);
}

#[test]
fn a_daemons_proposal_is_decided_under_its_component() {
    let world = World::new();
    for tool in [Tool::GitleaksAllow, Tool::EgressTokenAllow] {
        let arguments = [
            "submit",
            tool.name(),
            "--bottle",
            "dev",
            "--file",
            "-",
            "--justification",
            "j",
        ];
        let id = world.run_with(&arguments, "x").expect(0).out;
        world.run(&["approve", id.trim_end()]).expect(0);
    }
    let components: Vec<_> = world.audit().into_iter().map(|row| row.entry.component).collect();
    assert_eq!(components, ["gitleaks", "egress"]);
}
