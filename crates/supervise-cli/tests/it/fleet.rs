//! `supervise fleet`, against a temporary cluster.

#[path = "../../../supervise-store/tests/it/fleet/cluster.rs"]
#[allow(dead_code, reason = "the store's own tests need more of it")]
mod cluster;
mod hosts;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use supervise_store::FleetUrl;

use crate::world::{World, block_on};
use cluster::Cluster;

#[test]
#[ignore = "needs PostgreSQL"]
fn postgres_a_fleet_is_set_up_from_nothing() {
    let world = World::new();
    let cluster = block_on(Cluster::start());
    let url = cluster.admin_url();
    let run = |arguments: &[&str]| world.run(&[&["fleet"], arguments].concat());
    let with = |arguments: &[&str]| run(&[arguments, &["--url", url.expose()]].concat());
    // Nothing is there.
    with(&["add-bottle", "dev"]).expect(1);
    let ran = with(&["init"]).expect(0);
    let operator = ran.out.trim().to_owned();
    assert!(
        operator.starts_with("postgres://supervise_operator:"),
        "{operator}"
    );
    assert!(!ran.err.contains(&operator));
    let file = world.root.path().join("queues.toml");
    assert!(fs::read_to_string(&file).unwrap().contains(&operator));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // Once more it tells nothing.
    assert_eq!(with(&["init"]).expect(0).out, "");
    let ran = with(&["add-bottle", "dev"]).expect(0);
    let bottle: FleetUrl = ran.out.trim().parse().unwrap();
    drop(block_on(cluster.sql(&bottle)).unwrap());
    with(&["add-bottle", "dev"]).expect(1);
    with(&["add-bottle", "../dev"]).expect(2);
    // The operators' address is in the file now, and makes no roles.
    let ran = run(&["add-bottle", "other"]).expect(1);
    assert!(ran.err.contains("administrator"), "{}", ran.err);
    let listed = run(&["list", "--json"]).expect(0).json();
    assert_eq!(listed[0]["bottle_slug"], "dev");
    assert_eq!(listed[0]["pending"], 0);
    let ran = with(&["add-bottle", "dev", "--new-password", "--json"]).expect(0);
    assert_eq!(ran.json()["bottle_slug"], "dev");
    assert!(block_on(cluster.sql(&bottle)).is_err());
    with(&["remove-bottle", "dev"]).expect(6);
    with(&["remove-bottle", "dev", "--yes"]).expect(0);
    with(&["remove-bottle", "dev", "--yes"]).expect(3);
    let listed = run(&["list"]).expect(0);
    assert!(listed.out.contains("removed"), "{}", listed.out);
}

/// One approval stands in it.
fn the_fleet_s_own_log(world: &World, cluster: &Cluster) {
    let audit = |more: &[&str]| {
        world
            .run(&[&["fleet", "audit", "--json"], more].concat())
            .expect(0)
            .json()
    };
    let entries = audit(&[]);
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
    assert_eq!(
        (
            &entries[0]["id"],
            &entries[0]["operator_action"],
            &entries[0]["bottle_slug"]
        ),
        (&1.into(), &"approved".into(), &"far".into())
    );
    assert_eq!(audit(&["--bottle", "dev"]), serde_json::json!([]));
    assert_eq!(audit(&["--action", "rejected"]), serde_json::json!([]));
    assert_eq!(audit(&["--bottle", "far", "--limit", "1"]), entries);
    let listed = world.run(&["fleet", "audit"]).expect(0);
    assert!(
        listed.out.contains("approved") && listed.out.contains("far egress"),
        "{}",
        listed.out
    );

    let whole = world.run(&["fleet", "verify", "--json"]).expect(0).json();
    assert_eq!(
        (&whole[0]["bottle_slug"], &whole[0]["chained"]),
        (&"far".into(), &1.into())
    );
    let said = world.run(&["fleet", "verify", "--bottle", "far"]).expect(0);
    let head = whole[0]["head"]["hash"].as_str().unwrap();
    assert!(
        said.out.contains("1 entries") && said.out.contains(head),
        "{}",
        said.out
    );

    // Delivered, so it may go; the log stays.
    world.run(&["fleet", "prune", "--older-than", "0"]).expect(6);
    let prune = ["fleet", "prune", "--older-than", "0", "--yes", "--json"];
    let pruned = world.run(&prune).expect(0).json();
    assert_eq!(
        pruned,
        serde_json::json!([{"bottle_slug": "far", "deleted_proposals": 1}])
    );
    assert_eq!(audit(&[]), entries);

    // Whoever owns the database can switch its triggers off.
    block_on(async {
        let mut admin = cluster.admin_sql().await;
        for statement in [
            "ALTER TABLE supervise.audit_entries DISABLE TRIGGER USER",
            "ALTER TABLE supervise.audit_entries NO FORCE ROW LEVEL SECURITY",
            "UPDATE supervise.audit_entries SET operator = 'mallory'",
        ] {
            cluster::run(&mut admin, statement).await.unwrap();
        }
    });
    let ran = world.run(&["fleet", "verify"]).expect(1);
    assert!(ran.err.contains("far: entry 1"), "{}", ran.err);
    let json = world.run(&["fleet", "verify", "--json"]).expect(1).json();
    assert_eq!(
        (&json[0]["ok"], &json[0]["problem"]["id"]),
        (&false.into(), &1.into())
    );
}

#[test]
#[ignore = "needs PostgreSQL"]
fn postgres_operators_may_bring_a_password() {
    let world = World::new();
    let cluster = block_on(Cluster::start());
    let file = world.path("password");
    fs::write(&file, "p@ss/word\n").unwrap();
    let arguments = [
        "fleet",
        "init",
        "--operator-password-file",
        file.to_str().unwrap(),
    ];
    let init = || {
        let mut command = world.command(&arguments);
        command.env("SUPERVISE_FLEET_URL", cluster.admin_url().expose());
        crate::world::Ran::of(command.output().unwrap())
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    init().expect(2);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = init().expect(0);
    assert_eq!(ran.out, "");
    world.run(&["fleet", "list"]).expect(0);
}

#[test]
fn an_address_that_is_missing_or_wrong_is_a_usage_error() {
    let world = World::new();
    let ran = world.run(&["fleet", "list"]).expect(2);
    assert!(ran.err.contains("SUPERVISE_FLEET_URL"), "{}", ran.err);
    let ran = world
        .run(&["fleet", "list", "--url", "mysql://a:secret@h/d"])
        .expect(2);
    assert!(!ran.err.contains("secret"), "{}", ran.err);
    let ran = world
        .run(&["fleet", "list", "--url", "postgres://a:secret@127.0.0.1:1/d"])
        .expect(1);
    assert!(
        ran.err.contains("can't be reached") && !ran.err.contains("secret"),
        "{}",
        ran.err
    );
}

#[test]
#[ignore = "needs PostgreSQL"]
fn postgres_one_list_has_this_host_and_the_fleet() {
    use supervise_core::{Ask, Slug, Tool};
    use supervise_store::{Asked, Limits, Outcome, Queue, QueueUrl};

    let world = World::new();
    let cluster = block_on(Cluster::start());
    let admin = cluster.admin_url();
    world.run(&["fleet", "init", "--url", admin.expose()]).expect(0);
    let bottle = world
        .run(&["fleet", "add-bottle", "far", "--url", admin.expose()])
        .expect(0)
        .out;
    let here = world.ask("dev");
    let far: Slug = "far".parse().unwrap();
    block_on(async {
        let url = QueueUrl::read(bottle.trim(), std::path::Path::new("/")).unwrap();
        let queue = Queue::connect(&url, &far).await.unwrap();
        let ask = |file: &str| Ask {
            tool: Tool::EgressAllow,
            proposed_file: file.to_owned(),
            justification: "why".to_owned(),
        };
        let Asked::Held(mut hold) = queue
            .proposal_ask(ask(crate::world::ROUTE), Limits::default())
            .await
            .unwrap()
        else {
            panic!("not held")
        };
        let listed = world.run(&["list", "--json"]).expect(0).json();
        let slugs: Vec<_> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["bottle_slug"].clone())
            .collect();
        assert_eq!(slugs, ["dev", "far"]);
        let shown = world.run(&["show", &hold.id()[..8], "--json"]).expect(0).json();
        assert_eq!(
            (&shown["id"], &shown["bottle_slug"]),
            (&hold.id().into(), &"far".into())
        );
        let digest = shown["digest"].as_str().unwrap();
        let wrong = format!("{}@{}", hold.id(), "0".repeat(16));
        world.run(&["approve", &wrong]).expect(5);
        let bound = format!("{}@{digest}", hold.id());
        let said = world.run(&["approve", &bound, "--json"]).expect(0).json();
        assert_eq!(
            (&said["status"], &said["bottle_slug"]),
            (&"approved".into(), &"far".into())
        );
        let Outcome::Decided(delivery) = hold.outcome().await else {
            panic!("not decided")
        };
        assert_eq!(delivery.answer().applied, Some(false));
        delivery.delivered();
        world.run(&["approve", hold.id()]).expect(4);
        queue.close().await;
    });
    the_fleet_s_own_log(&world, &cluster);
    world.run(&["approve", &here.id]).expect(0);
    world.run(&["audit", "verify", "--strict"]).expect(0);
    // A fleet that can't be reached costs a line, and hides nothing of this host.
    let still = world.ask("dev");
    drop(cluster);
    let ran = world.run(&["list", "--json"]).expect(1);
    assert_eq!(ran.json()[0]["id"], still.id.as_str());
    assert!(ran.err.contains("the fleet: "), "{}", ran.err);
    assert!(
        !ran.err.contains(bottle.trim().split('@').next().unwrap()),
        "{}",
        ran.err
    );
}
