//! `supervise audit export`.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::Value;

use crate::audit::world_with_entries;
use crate::audit_verify::{FOREIGN, host_sql};
use crate::world::World;

fn names(world: &World, dir: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(world.path(dir))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn each_component_of_each_bottle_has_its_file() {
    let world = world_with_entries();
    let ran = world.run(&["audit", "export", "--dir", "logs"]).expect(0);
    assert_eq!(
        names(&world, "logs"),
        [
            "capability-dev.log",
            "egress-ci.log",
            "egress-dev.log",
            "gitleaks-ci.log"
        ]
    );
    assert!(
        ran.out.contains("logs/egress-dev.log: 2 entries\n"),
        "{}",
        ran.out
    );
    let path = world.path("logs/egress-dev.log");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = std::fs::read_to_string(&path).unwrap();
    let ids: Vec<i64> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_i64()
                .unwrap()
        })
        .collect();
    assert_eq!(ids, [1, 4]);
    let file = path.to_str().unwrap();
    let verified = world.run(&["audit", "verify", "--file", file]).expect(0);
    assert!(verified.err.contains("a part of a log"), "{}", verified.err);
}

#[test]
fn a_log_that_grew_is_replaced_and_nothing_else() {
    let world = world_with_entries();
    let export = ["audit", "export", "--dir", "logs"];
    world.run(&export).expect(0);
    host_sql(&world, &FOREIGN.replace("CAST(x'66ff' AS TEXT)", "''"));
    // Adopted only later, it would have other fields then.
    world.ask("dev");
    world
        .run(&["approve", "--all", "--bottle", "dev", "--yes"])
        .expect(0);
    world.run(&export).expect(0);
    let path = world.path("logs/egress-dev.log");
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 4);

    std::fs::write(&path, "mine\n").unwrap();
    std::fs::remove_file(world.path("logs/egress-ci.log")).unwrap();
    let ran = world.run(&export).expect(1);
    assert!(
        ran.err
            .contains("egress-dev.log has other content; nothing was written"),
        "{}",
        ran.err
    );
    assert_eq!(
        names(&world, "logs"),
        ["capability-dev.log", "egress-dev.log", "gitleaks-ci.log"]
    );
    world.run(&[&export[..], &["--force"]].concat()).expect(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 4);
    assert_eq!(names(&world, "logs").len(), 4);
}

#[test]
fn links_are_not_followed_even_by_force() {
    let world = world_with_entries();
    std::fs::create_dir(world.path("logs")).unwrap();
    std::fs::write(world.path("victim"), "precious").unwrap();
    symlink(world.path("victim"), world.path("logs/egress-dev.log")).unwrap();
    for force in [&[][..], &["--force"]] {
        let ran = world
            .run(&[&["audit", "export", "--dir", "logs"], force].concat())
            .expect(1);
        assert!(ran.err.contains("is no regular file"), "{}", ran.err);
    }
    assert_eq!(std::fs::read_to_string(world.path("victim")).unwrap(), "precious");
    assert_eq!(names(&world, "logs"), ["egress-dev.log"]);
}

#[test]
fn names_of_others_lead_out_of_no_folder() {
    let world = world_with_entries();
    for (component, slug) in [
        ("../egress", "dev"),
        ("egress", "../dev"),
        ("a-b", "dev"),
        ("", "dev"),
    ] {
        let foreign = FOREIGN.replace("'egress'", &format!("'{component}'"));
        host_sql(&world, &foreign.replace("'dev'", &format!("'{slug}'")));
    }
    let ran = world.run(&["audit", "export", "--dir", "a/logs"]).expect(1);
    assert_eq!(ran.err.matches("left out").count(), 4, "{}", ran.err);
    assert_eq!(names(&world, "a/logs").len(), 4);
    assert_eq!(names(&world, "a"), ["logs"]);
}

#[test]
fn secrets_can_be_masked_and_the_export_says_so() {
    let world = world_with_entries();
    let token = format!("glpat-{}", "0a".repeat(10));
    host_sql(
        &world,
        &FOREIGN.replace("CAST(x'66ff' AS TEXT)", &format!("'use {token}'")),
    );
    assert!(world.run(&["audit", "export"]).expect(0).out.contains(&token));
    let ran = world.run(&["audit", "export", "--mask"]).expect(0);
    assert!(!ran.out.contains(&token));
    assert!(ran.out.contains("use glpat-***"));
    assert!(ran.err.contains("can't be verified"), "{}", ran.err);
    assert!(ran.json_lines().iter().all(|line| line["masked"] == true));
    let verified = world
        .run_with(&["audit", "verify", "--file", "-"], &ran.out)
        .expect(1);
    assert!(
        verified.err.contains("line 1: secrets are masked"),
        "{}",
        verified.err
    );
}
