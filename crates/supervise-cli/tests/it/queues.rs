//! Queues of different kinds in one inbox.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value;
use supervise_core::{Ask, Tool};
use supervise_store::{Asked, Hold, Limits, Outcome, Queue, QueueUrl};

use crate::world::{ROUTE, World, block_on, slug};

fn words(list: &Value, name: &str) -> Vec<String> {
    let all = list.as_array().unwrap().iter();
    all.map(|one| one[name].as_str().unwrap().to_owned()).collect()
}

/// The side of a bottle whose queue is files.
struct Web<'a> {
    world: &'a World,
}

impl<'a> Web<'a> {
    fn prepared(world: &'a World) -> Web<'a> {
        world.run(&["prepare", "web", "--queue", "files"]).expect(0);
        Web { world }
    }

    async fn queue(&self) -> Queue {
        let dir = self.world.root.queue_dir(&slug("web"));
        Queue::connect(&QueueUrl::find(&dir).unwrap(), &slug("web"))
            .await
            .unwrap()
    }
}

async fn ask(queue: &Queue, payload: &str) -> Asked {
    let ask = Ask {
        tool: Tool::EgressAllow,
        proposed_file: payload.to_owned(),
        justification: "why".to_owned(),
    };
    queue.proposal_ask(ask, Limits::default()).await.unwrap()
}

async fn held(queue: &Queue, payload: &str) -> Hold {
    match ask(queue, payload).await {
        Asked::Held(hold) => hold,
        other => panic!("{other:?}"),
    }
}

async fn status(hold: &mut Hold) -> String {
    match tokio::time::timeout(Duration::from_secs(10), hold.outcome())
        .await
        .unwrap()
    {
        Outcome::Decided(delivery) => {
            let status = delivery.answer().response.status.to_string();
            delivery.delivered();
            status
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_list_has_bottles_of_every_kind() {
    let world = World::new();
    let web = Web::prepared(&world);
    let first = world.ask("dev");
    block_on(async {
        let queue = web.queue().await;
        let mut hold = held(&queue, ROUTE).await;
        let listed = world.run(&["list", "--json"]).expect(0).json();
        assert_eq!(words(&listed, "bottle_slug"), ["dev", "web"]);
        assert_eq!(words(&listed, "id"), [first.id.as_str(), hold.id()]);

        let shown = world.run(&["show", hold.id(), "--json"]).expect(0).json();
        assert_eq!(shown["proposed_file"], ROUTE);
        let said = world.run(&["approve", hold.id(), "--json"]).expect(0).json();
        assert_eq!(
            (&said["status"], &said["bottle_slug"]),
            (&"approved".into(), &"web".into())
        );
        assert_eq!(status(&mut hold).await, "approved");
        world.run(&["approve", hold.id()]).expect(4);

        // A rejection sticks there too, until it is lifted.
        let mut hold = held(&queue, "again").await;
        world.run(&["reject", hold.id(), "--notes", "no"]).expect(0);
        assert_eq!(status(&mut hold).await, "rejected");
        assert!(matches!(ask(&queue, "again").await, Asked::RefusedBefore(_)));
        world.run(&["reopen", hold.id()]).expect(0);
        let taken_back = held(&queue, "again").await;
        queue.proposal_withdraw(taken_back.id()).await.unwrap();
        world.run(&["approve", taken_back.id()]).expect(4);
        queue.close().await;
    });
    let entries = world
        .run(&["audit", "list", "--bottle", "web", "--json"])
        .expect(0)
        .json();
    assert_eq!(words(&entries, "operator_action"), ["approved", "rejected"]);
    world.run(&["audit", "verify", "--strict"]).expect(0);
    let ran = world.run(&["doctor"]).expect(0);
    assert!(ran.err.contains("web: its queue is files, on "), "{}", ran.err);
    // What is pruned doesn't come back, though the bottle has not forgotten it.
    let pruned = world
        .run(&["prune", "--older-than", "0", "--yes", "--json"])
        .expect(0)
        .json();
    assert_eq!(words(&pruned, "bottle_slug"), ["web"]);
    for _ in 0..2 {
        let listed = world.run(&["list", "--json"]).expect(0).json();
        assert_eq!(words(&listed, "id"), [first.id.as_str()]);
    }
}

#[test]
fn a_scanner_asks_in_a_queue_of_files() {
    let world = World::new();
    Web::prepared(&world);
    let submit = [
        "submit",
        "gitleaks-allow",
        "--bottle",
        "web",
        "--file",
        "-",
        "--justification",
        "a test key",
    ];
    let id = world.run_with(&submit, "finding").expect(0).out.trim().to_owned();
    let listed = world.run(&["list", "--json"]).expect(0).json();
    assert_eq!(words(&listed, "id"), [id.as_str()]);
    world.run(&["approve", &id]).expect(0);
    // Inside the bottle it goes the way of the sidecar's.
    let dir = world.root.queue_dir(&slug("web"));
    let inside = [
        "submit",
        "gitleaks-allow",
        "--queue-dir",
        dir.to_str().unwrap(),
        "--file",
        "-",
        "--justification",
        "x",
    ];
    let id = world.run_with(&inside, "finding").expect(0).out.trim().to_owned();
    assert!(dir.join("in").join(format!("{id}.proposal")).exists());
    world.run(&["approve", &id]).expect(0);
    assert!(dir.join("out").join(format!("{id}.response")).exists());
}

#[test]
fn the_hosts_word_counts_and_not_the_directorys() {
    let world = World::new();
    world.ask("dev");
    let dir = world.root.queue_dir(&slug("dev"));
    // A bottle that calls itself another kind, and makes what belongs to one.
    fs::write(dir.join("backend"), "files").unwrap();
    fs::create_dir(dir.join("in")).unwrap();
    fs::create_dir(dir.join("out")).unwrap();
    let listed = world.run(&["list", "--json"]).expect(0).json();
    assert_eq!(words(&listed, "bottle_slug"), ["dev"]);
}

#[test]
fn a_list_of_queues_that_can_not_be_read_is_a_usage_error() {
    let world = World::new();
    world.ask("dev");
    let path = world.root.queues_file();
    fs::write(&path, "[bottles]\ndev = \"carrier pigeon\"\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = world.run(&["list"]).expect(2);
    assert!(
        ran.err.contains("queues.toml") && ran.err.contains("line 2"),
        "{}",
        ran.err
    );
    let found = world.run(&["doctor", "--json"]).expect(1).json();
    assert!(words(&found, "text").iter().any(|text| text.contains("line 2")));
}
