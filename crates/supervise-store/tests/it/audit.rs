//! The audit log and its chain.

use supervise_core::AuditEntry;
use supervise_store::{AuditFilter, AuditOrigin};

use crate::fixture::{Fixture, plain, sql};

fn entry(slug: &str, component: &str, diff: &str) -> AuditEntry {
    AuditEntry {
        timestamp: "t".into(),
        bottle_slug: slug.into(),
        component: component.into(),
        operator_action: "operator-edit".into(),
        operator_notes: "n".into(),
        justification: String::new(),
        diff: diff.into(),
    }
}

#[tokio::test]
async fn entries_are_read_in_order_and_filtered() {
    let fixture = Fixture::new();
    let host = fixture.host().await;
    for (slug, component) in [
        ("a", "egress"),
        ("b", "egress"),
        ("a", "capability"),
        ("a", "egress"),
    ] {
        host.audit_append(entry(slug, component, ""), AuditOrigin::default())
            .await
            .unwrap();
    }
    let ids = async |filter: AuditFilter| -> Vec<i64> {
        host.audit_page(&filter)
            .await
            .unwrap()
            .iter()
            .map(|row| row.id)
            .collect()
    };
    assert_eq!(ids(AuditFilter::default()).await, [1, 2, 3, 4]);
    let of_a = AuditFilter {
        slug: Some("a".into()),
        ..AuditFilter::default()
    };
    assert_eq!(ids(of_a.clone()).await, [1, 3, 4]);
    assert_eq!(
        ids(AuditFilter {
            component: Some("egress".into()),
            ..of_a.clone()
        })
        .await,
        [1, 4]
    );
    assert_eq!(
        ids(AuditFilter {
            after_id: 1,
            limit: 1,
            ..of_a
        })
        .await,
        [3]
    );
}

#[tokio::test]
async fn the_chain_adopts_what_others_wrote_and_the_anchor_keeps_up() {
    let fixture = Fixture::new();
    let host = fixture.host().await;
    host.audit_append(entry("a", "egress", "1"), AuditOrigin::default())
        .await
        .unwrap();
    let mut other = plain(fixture.root.host_db()).await;
    let foreign = "INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action, operator_notes, justification, diff) VALUES ('t', 'a', 'egress', 'approved', '', '', 'x')";
    sql(&mut other, foreign).await.unwrap();
    let origin = AuditOrigin {
        operator: Some("ada".into()),
        ..AuditOrigin::default()
    };
    host.audit_append(entry("a", "egress", "2"), origin)
        .await
        .unwrap();
    let chain: Vec<(i64, String, String, i64)> =
        sqlx::query_as("SELECT id, prev, hash, adopted FROM supervise_audit_chain ORDER BY id")
            .fetch_all(&mut other)
            .await
            .unwrap();
    assert_eq!(
        chain.iter().map(|line| (line.0, line.3)).collect::<Vec<_>>(),
        [(1, 0), (2, 1), (3, 0)]
    );
    assert_eq!(chain[0].1, "");
    assert!(chain.windows(2).all(|pair| pair[1].1 == pair[0].2));
    let anchor = std::fs::read_to_string(fixture.root.chain_log()).unwrap();
    let lines: String = chain
        .iter()
        .map(|line| format!("{} {}\n", line.0, line.2))
        .collect();
    assert_eq!(anchor, lines);
}

#[tokio::test]
async fn an_anchor_that_lags_or_is_torn_is_completed() {
    let fixture = Fixture::new();
    let host = fixture.host().await;
    for n in 0..3 {
        host.audit_append(entry("a", "egress", &n.to_string()), AuditOrigin::default())
            .await
            .unwrap();
    }
    let path = fixture.root.chain_log();
    let whole = std::fs::read_to_string(&path).unwrap();
    let torn = &whole[..whole.len() - 30];
    std::fs::write(&path, torn).unwrap();
    host.audit_append(entry("a", "egress", "x"), AuditOrigin::default())
        .await
        .unwrap();
    let ids: Vec<String> = std::fs::read_to_string(&path)
        .unwrap()
        .lines()
        .filter(|line| line.len() == 66)
        .map(|line| line[..1].to_owned())
        .collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_appenders_make_one_chain() {
    let fixture = std::sync::Arc::new(Fixture::new());
    let appenders: Vec<_> = (0..4)
        .map(|n| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let host = fixture.host().await;
                for _ in 0..25 {
                    host.audit_append(entry("a", "egress", &n.to_string()), Default::default())
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for appender in appenders {
        appender.await.unwrap();
    }
    let mut other = plain(fixture.root.host_db()).await;
    let forks: i64 = sqlx::query_scalar("SELECT count(*) - count(DISTINCT prev) FROM supervise_audit_chain")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert_eq!(forks, 0);
    let anchor = std::fs::read_to_string(fixture.root.chain_log()).unwrap();
    let ids: Vec<i64> = anchor
        .lines()
        .map(|line| line.split_once(' ').unwrap().0.parse().unwrap())
        .collect();
    assert_eq!(ids, (1..=100).collect::<Vec<i64>>());
}
