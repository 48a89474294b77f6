//! `supervise list`.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use supervise_core::{Proposal, Tool};

use crate::world::{ROUTE, World, block_on, fixed, slug};

#[test]
fn nothing_there_creates_nothing() {
    let world = World::new();
    let ran = world.run(&["list"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "nothing is pending\n"));
    assert_eq!(world.run(&["list", "--json"]).expect(0).out, "[]\n");
    assert!(!world.root.path().exists());
}

#[test]
fn an_empty_queue_leaves_no_database_of_the_host() {
    let world = World::new();
    world.with_queue(&slug("dev"), async |_| ());
    world.run(&["list"]).expect(0);
    assert!(!world.root.host_db().exists());
    world.run(&["prepare", "empty"]).expect(0);
    world.run(&["list", "--bottle", "empty"]).expect(0);
    assert!(!world.root.queue_db(&slug("empty")).exists());
}

#[test]
fn all_bottles_oldest_first() {
    let world = World::new();
    world.propose(fixed("zeta", 1, Tool::EgressAllow, ROUTE, "the oldest"));
    world.propose(fixed(
        "alpha",
        3,
        Tool::CapabilityBlock,
        "\n FROM debian:13\n",
        "a compiler\nfor the build",
    ));
    world.propose(fixed(
        "alpha",
        2,
        Tool::EgressBlock,
        "{\"host\": \"pypi.org\"}",
        "packages",
    ));
    world.propose(fixed(
        "alpha",
        4,
        Tool::GitleaksAllow,
        "{}",
        "x".repeat(300).as_str(),
    ));
    let ran = world.run(&["list"]).expect(0);
    assert_snapshot!(ran.out, @r#"
    0s       zeta   egress-allow      api.example.com under /v1/
             5eed0000-0000-4000-8000-000000000001@3942c7a71e213eb8  the oldest
    0s    !  alpha  egress-block      pypi.org, every path
             5eed0000-0000-4000-8000-000000000002@930e8f44a31174bb  packages
    0s       alpha  capability-block  FROM debian:13
             5eed0000-0000-4000-8000-000000000003@6782548861ecd80b  a compiler
    0s    !  alpha  gitleaks-allow    {}
             5eed0000-0000-4000-8000-000000000004@0986226882e88d18  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    "#);
    assert_eq!(ran.err, "");
}

#[test]
fn json_has_every_field_of_the_contract() {
    let world = World::new();
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "why"));
    let ran = world.run(&["list", "--json"]).expect(0);
    assert_snapshot!(ran.out, @r#"[{"id":"5eed0000-0000-4000-8000-000000000001","bottle_slug":"dev","tool":"egress-allow","component":"egress","proposed_file":"{\n  \"host\": \"api.example.com\",\n  \"path_allowlist\": [\n    \"/v1/\"\n  ]\n}\n","justification":"why","arrival_timestamp":"2999-01-01T00:00:01.000000+00:00","current_file_hash":"b8d3b2442671d821f49bbed3e84d6155909af98feb71df9e22fc0ad4b2365e33","digest":"a20215e156e815c6d26688b1fe33b71d4ace7eb138a5f1666658bfa04fb7e67e","joined":0,"risks":[]}]"#);
    assert_eq!(ran.json()[0]["digest"], proposal.digest().to_string());
}

#[test]
fn bottles_can_be_picked() {
    let world = World::new();
    for bottle in ["a", "b", "c"] {
        world.ask(bottle);
    }
    let ran = world
        .run(&["list", "--json", "--bottle", "a", "--bottle", "c"])
        .expect(0);
    let picked: Vec<_> = ran
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["bottle_slug"].clone())
        .collect();
    assert_eq!(picked, ["a", "c"]);
    let ran = world.run(&["list", "--bottle", "none"]).expect(3);
    assert!(ran.err.contains("supervise prepare none"), "{}", ran.err);
}

#[test]
fn what_cannot_be_read_hides_nothing_of_the_others() {
    let world = World::new();
    let good = world.ask("good");
    for bottle in ["garbage", "foreign", "linked"] {
        world.ask(bottle);
    }
    fs::write(
        world.root.queue_db(&slug("garbage")),
        "not a database, however long it is",
    )
    .unwrap();
    world.sql(
        "foreign",
        "CREATE TRIGGER evil AFTER INSERT ON supervise_proposals BEGIN SELECT 1; END",
    );
    let linked = world.root.queue_db(&slug("linked"));
    fs::rename(&linked, world.path("elsewhere.db")).unwrap();
    symlink(world.path("elsewhere.db"), &linked).unwrap();
    fs::create_dir(world.root.queues_dir().join("No Slug")).unwrap();
    symlink(
        world.root.queue_dir(&slug("good")),
        world.root.queues_dir().join("alias"),
    )
    .unwrap();

    let ran = world.run(&["list"]).expect(1);
    assert!(ran.out.contains(&good.id), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 2);
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines.len(), 5, "{}", ran.err);
    for (line, start) in lines
        .iter()
        .zip(["No Slug", "alias", "foreign", "garbage", "linked"])
    {
        assert!(line.starts_with(&format!("warning: {start}: ")), "{line}");
    }
    // What is fine is fine when only that is looked at.
    world.run(&["list", "--bottle", "good"]).expect(0);
}

#[test]
fn a_locked_bottle_costs_a_quarter_of_a_second() {
    let world = World::new();
    let good = world.ask("good");
    for bottle in ["held-1", "held-2", "held-3"] {
        world.ask(bottle);
    }
    block_on(async {
        let mut holders = Vec::new();
        for bottle in ["held-1", "held-2", "held-3"] {
            let options = SqliteConnectOptions::new().filename(world.root.queue_db(&slug(bottle)));
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql("BEGIN EXCLUSIVE")
                .execute(&mut connection)
                .await
                .unwrap();
            holders.push(connection);
        }
        let start = Instant::now();
        let ran = world.run(&["list"]).expect(1);
        let took = start.elapsed();
        assert!(ran.out.contains(&good.id));
        assert_eq!(ran.err.lines().count(), 3, "{}", ran.err);
        // All three together, and the start of the program on a busy machine.
        assert!(took < Duration::from_millis(1500), "{took:?}");
        // A verb that is given an id looks into all of them too.
        let start = Instant::now();
        let ran = world.run(&["show", &good.id]).expect(0);
        let took = start.elapsed();
        assert_eq!(
            ran.err.matches("no answer within 250 ms").count(),
            3,
            "{}",
            ran.err
        );
        assert!(took < Duration::from_millis(1500), "{took:?}");
        // What is in none of the others may be in one of these, which gets longer, but not for ever.
        let ran = world.run(&["show", "00000000"]).expect(1);
        assert!(ran.err.contains("in the bottles that can be read"), "{}", ran.err);
    });
}

#[test]
fn many_bottles_do_not_take_each_others_time() {
    let world = World::new();
    for number in 0..120 {
        world.ask(&format!("bottle-{number}"));
    }
    let ran = world.run(&["list"]).expect(0);
    assert_eq!((ran.out.lines().count(), ran.err.as_str()), (240, ""));
}

#[test]
fn odd_rows_are_counted_and_never_listed() {
    let world = World::new();
    let good = world.ask("dev");
    for (id, bottle, tool) in [
        ("not-a-uuid", "dev", "egress-allow"),
        ("5EED0000-0000-4000-8000-00000000000A", "dev", "egress-allow"),
        ("5eed0000-0000-4000-8000-000000000001", "other", "egress-allow"),
        ("5eed0000-0000-4000-8000-000000000002", "dev", "sudo\u{1b}[2J"),
    ] {
        let row =
            format!("'{id}', '{bottle}', '{tool}', 'x', 'j', '2026-01-01T00:00:00.000000+00:00', 'h', 0");
        world.sql("dev", &format!("INSERT INTO supervise_proposals VALUES ({row})"));
    }
    let ran = world.run(&["list"]).expect(0);
    assert_eq!(ran.out.lines().count(), 2);
    assert!(ran.out.contains(&good.id));
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(
        ran.err
            .starts_with("warning: dev: 4 rows are never listed; the first is row "),
        "{}",
        ran.err
    );
    for id in [
        "5eed0000-0000-4000-8000-000000000001",
        "5eed0000-0000-4000-8000-000000000002",
    ] {
        world.run(&["approve", id]).expect(3);
    }
}

#[test]
fn more_than_a_thousand_are_counted() {
    let world = World::new();
    world.ask("dev");
    world.sql(
        "dev",
        "INSERT INTO supervise_proposals
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1004)
         SELECT printf('5eed0000-0000-4000-8000-%012d', i), 'dev', 'egress-allow', 'x', 'j',
             printf('2026-01-01T00:00:00.%06d+00:00', i), 'h', 0 FROM n",
    );
    let ran = world.run(&["list", "--json"]).expect(0);
    assert_eq!(ran.json().as_array().unwrap().len(), 1000);
    assert_eq!(
        ran.err,
        "warning: dev: 5 more proposals are pending than are listed\n"
    );
}

#[test]
fn what_was_printed_is_remembered_once() {
    let world = World::new();
    let proposal = world.ask("dev");
    assert_eq!(world.shown(&proposal), None);
    world.run(&["list"]).expect(0);
    assert_eq!(world.shown(&proposal), Some(proposal.digest()));
    world.swap(&proposal, "another reason");
    world.run(&["list"]).expect(0);
    assert_eq!(world.shown(&proposal), Some(proposal.digest()));
}

#[test]
fn a_list_that_cannot_be_remembered_is_still_a_list() {
    let world = World::new();
    let proposal = world.ask("dev");
    // A directory where the database would be: nothing can be written there.
    fs::create_dir(world.root.host_db()).unwrap();
    let ran = world.run(&["list"]).expect(0);
    assert!(ran.out.contains(&proposal.id));
    assert!(ran.err.contains("can't be remembered"), "{}", ran.err);
}

#[test]
fn joins_are_counted() {
    let world = World::new();
    let proposal = world.ask("dev");
    world.with_queue(&slug("dev"), async |queue| {
        for _ in 0..2 {
            let ask = supervise_core::Ask {
                tool: Tool::EgressBlock,
                proposed_file: ROUTE.into(),
                justification: "again".into(),
            };
            queue
                .proposal_ask(ask, supervise_store::Limits::default())
                .await
                .unwrap();
        }
    });
    let ran = world.run(&["list"]).expect(0);
    assert!(
        ran.out.lines().next().unwrap().ends_with("(+2 joined)"),
        "{}",
        ran.out
    );
    assert_eq!(world.run(&["list", "--json"]).expect(0).json()[0]["joined"], 2);
    let shown = world.run(&["show", &proposal.id]).expect(0);
    assert!(shown.out.contains("asked 2 more times since"), "{}", shown.out);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let world = World::new();
    for number in 0..200 {
        world.propose(fixed(
            "dev",
            number,
            Tool::GitleaksAllow,
            &number.to_string(),
            &"j".repeat(4000),
        ));
    }
    let ran = std::process::Command::new("sh")
        .args([
            "-c",
            "\"$0\" list --json | head -c 1; echo \" ${PIPESTATUS:-none}\"; \"$0\" audit export | true",
        ])
        .arg(env!("CARGO_BIN_EXE_supervise"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SUPERVISE_ROOT", world.root.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
    assert!(String::from_utf8_lossy(&ran.stdout).starts_with('['));
}

#[test]
fn colour_is_a_choice() {
    let world = World::new();
    let _: Proposal = world.ask("dev");
    assert!(!world.run(&["list"]).expect(0).out.contains('\u{1b}'));
    assert!(
        world
            .run(&["list", "--color", "always"])
            .expect(0)
            .out
            .contains("\u{1b}[1mdev\u{1b}[0m")
    );
    assert!(
        !world
            .run(&["list", "--color", "never"])
            .expect(0)
            .out
            .contains('\u{1b}')
    );
}
