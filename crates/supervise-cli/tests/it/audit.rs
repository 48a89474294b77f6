//! `supervise audit`.

use insta::assert_snapshot;
use supervise_core::{AuditEntry, Tool};
use supervise_store::{AuditOrigin, Host};

use crate::world::{ROUTE, World, block_on, fixed};

/// Five entries as if decided at a known time, two bottles, and one of an unknown operator.
pub(crate) fn world_with_entries() -> World {
    let world = World::new();
    block_on(async {
        let host = Host::create(&world.root).await.unwrap();
        for (number, (bottle, component, action)) in [
            ("dev", "egress", "approved"),
            ("ci", "egress", "rejected"),
            ("dev", "capability", "modified"),
            ("dev", "egress", "operator-edit"),
            ("ci", "gitleaks", "approved"),
        ]
        .into_iter()
        .enumerate()
        {
            let entry = AuditEntry {
                timestamp: if number == 3 {
                    "2026-11-20T23:23:53+00:00".into()
                } else {
                    format!("2026-11-20T23:23:5{number}.110789+00:00")
                },
                bottle_slug: bottle.into(),
                component: component.into(),
                operator_action: action.into(),
                operator_notes: if action == "rejected" {
                    "use the mirror".into()
                } else {
                    String::new()
                },
                justification: "why".into(),
                diff: "--- a\n+++ b".into(),
            };
            let origin = AuditOrigin {
                operator: Some(if number == 4 { "bob (root)" } else { "ada" }.into()),
                ..AuditOrigin::default()
            };
            let origin = if number == 3 {
                AuditOrigin::default()
            } else {
                origin
            };
            host.audit_append(entry, origin).await.unwrap();
        }
        host.close().await;
    });
    world
}

fn ids(ran: &crate::world::Ran) -> Vec<i64> {
    ran.json()
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["id"].as_i64().unwrap())
        .collect()
}

#[test]
fn no_log_is_an_empty_list_and_none_is_made() {
    let world = World::new();
    assert_eq!(world.run(&["audit", "list", "--json"]).expect(0).out, "[]\n");
    assert_eq!(world.run(&["audit", "list"]).expect(0).err, "no entries\n");
    assert_eq!(world.run(&["audit", "export"]).expect(0).out, "");
    assert!(!world.root.path().exists());
}

#[test]
fn the_table() {
    let world = world_with_entries();
    assert_snapshot!(world.run(&["audit", "list"]).expect(0).out, @r#"
    1     2026-11-20 23:23:50  approved       dev egress  by ada
    2     2026-11-20 23:23:51  rejected       ci egress  by ada: use the mirror
    3     2026-11-20 23:23:52  modified       dev capability  by ada
    4     2026-11-20 23:23:53  operator-edit  dev egress  by ?
    5     2026-11-20 23:23:54  approved       ci gitleaks  by bob (root)
    "#);
}

#[test]
fn filters_and_pages() {
    let world = world_with_entries();
    let list = |arguments: &[&str]| {
        ids(&world
            .run(&[&["audit", "list", "--json"], arguments].concat())
            .expect(0))
    };
    assert_eq!(list(&[]), [1, 2, 3, 4, 5]);
    assert_eq!(list(&["--bottle", "dev"]), [1, 3, 4]);
    assert_eq!(list(&["--bottle", "dev", "--component", "egress"]), [1, 4]);
    // The latest, unless it is said where to begin.
    assert_eq!(
        list(&["--bottle", "dev", "--bottle", "ci", "--limit", "4"]),
        [2, 3, 4, 5]
    );
    assert_eq!(list(&["--before", "4", "--limit", "2"]), [2, 3]);
    assert_eq!(list(&["--after", "2", "--limit", "2"]), [3, 4]);
    assert_eq!(list(&["--limit", "0"]), [1, 2, 3, 4, 5]);
    assert_eq!(list(&["--action", "approved"]), [1, 5]);
    assert_eq!(list(&["--operator", "ada"]), [1, 2, 3]);
    assert_eq!(list(&["--operator", "root"]), [5]);
    assert_eq!(list(&["--operator", "bob (root)"]), [5]);
    assert_eq!(list(&["--operator", "ro"]), [0_i64; 0]);
    assert_eq!(list(&["--text", "the mirror"]), [2]);
    assert_eq!(list(&["--text", "+++ b"]), [1, 2, 3, 4, 5]);
    assert_eq!(list(&["--text", "%"]), [0_i64; 0]);
    assert_eq!(list(&["--since", "2026-11-20T23:23:52.110789Z"]), [3, 4, 5]);
    assert_eq!(list(&["--until", "2026-11-20T23:23:52.110789Z"]), [1, 2]);
    // Written without a fraction, as the other program does at a full second.
    assert_eq!(
        list(&["--since", "2026-11-20T23:23:53Z", "--limit", "1", "--after", "0"]),
        [4]
    );
    assert_eq!(
        list(&[
            "--since",
            "2026-11-20T23:23:53.000001Z",
            "--limit",
            "1",
            "--after",
            "0"
        ]),
        [5]
    );
    let shown = world.run(&["audit", "list", "--limit", "2"]).expect(0);
    assert_eq!(shown.out.lines().count(), 2);
    assert_eq!(shown.err, "there are earlier ones: --before 4\n");
    world.run(&["audit", "list", "--since", "yesterday"]).expect(2);
    // A bottle that is gone still has its history.
    assert_eq!(list(&["--bottle", "removed"]), [0_i64; 0]);
}

#[test]
fn json_has_every_field_of_the_contract() {
    let world = World::new();
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "why"));
    world.run(&["approve", "5eed"]).expect(0);
    let listed = world.run(&["audit", "list", "--json"]).expect(0);
    let entry = &listed.json()[0];
    let names: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec![
        "id",
        "timestamp",
        "bottle_slug",
        "component",
        "operator_action",
        "operator_notes",
        "justification",
        "diff",
        "proposal_id",
        "tool",
        "operator",
        "via",
        "digest",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(entry["proposal_id"], proposal.id);
    assert_eq!(entry["tool"], "egress-allow");
    assert_eq!(entry["digest"], proposal.digest().to_string());
    let exported = world.run(&["audit", "export"]).expect(0);
    for (name, value) in entry.as_object().unwrap() {
        assert_eq!(&exported.json_lines()[0][name], value);
    }
}

#[test]
fn everything_is_exported_across_pages() {
    let world = World::new();
    block_on(async {
        let host = Host::create(&world.root).await.unwrap();
        for number in 0..620 {
            let entry = AuditEntry {
                timestamp: supervise_core::now_timestamp(),
                bottle_slug: if number % 2 == 0 { "a".into() } else { "b".into() },
                component: "egress".into(),
                operator_action: "approved".into(),
                operator_notes: number.to_string(),
                justification: String::new(),
                diff: String::new(),
            };
            host.audit_append(entry, AuditOrigin::default()).await.unwrap();
        }
        host.close().await;
    });
    let exported = |arguments: &[&str]| {
        world
            .run(&[&["audit", "export"], arguments].concat())
            .expect(0)
            .json_lines()
    };
    let ids: Vec<i64> = exported(&[])
        .iter()
        .map(|entry| entry["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, (1..=620).collect::<Vec<_>>());
    assert_eq!(exported(&["--bottle", "a"]).len(), 310);
    assert_eq!(exported(&["--bottle", "a", "--bottle", "b"]).len(), 620);
}
