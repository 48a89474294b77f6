//! What verifying says of logs that nobody tampered with, and that it changes nothing.

use supervise_core::{AuditEntry, Root};
use supervise_store::{Against, AuditOrigin, Host, StoreError, Verified, Wrong};

use crate::fixture::{Fixture, plain, sql};
use crate::log::Log;

const FOREIGN: &str = "INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action,
    operator_notes, justification, diff) VALUES ('t', 'a', 'egress', 'approved', '', CAST(x'ff00' AS TEXT), x'0102')";

/// As the Python program makes it.
const PYTHON: &str = "CREATE TABLE IF NOT EXISTS supervise_audit_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, bottle_slug TEXT NOT NULL,
    component TEXT NOT NULL, operator_action TEXT NOT NULL, operator_notes TEXT NOT NULL,
    justification TEXT NOT NULL, diff TEXT NOT NULL)";

async fn append(host: &Host, times: usize) {
    for _ in 0..times {
        let entry = AuditEntry {
            timestamp: "t".into(),
            bottle_slug: "a".into(),
            component: "egress".into(),
            operator_action: "operator-edit".into(),
            operator_notes: String::new(),
            justification: String::new(),
            diff: String::new(),
        };
        host.audit_append(entry, AuditOrigin::default()).await.unwrap();
    }
}

async fn verify(root: &Root) -> Verified {
    supervise_store::audit_verify(root, &Against::Anchor)
        .await
        .unwrap()
}

fn wrong(verified: &Verified) -> Option<(Option<i64>, Wrong)> {
    let problem = verified.problem.clone()?;
    Some((problem.id, problem.wrong))
}

#[tokio::test]
async fn an_empty_log_is_whole_and_a_database_that_is_gone_is_not() {
    let fixture = Fixture::new();
    assert_eq!(verify(&fixture.root).await, Verified::default());
    assert!(!fixture.root.path().exists());
    fixture.host().await.close().await;
    assert_eq!(verify(&fixture.root).await, Verified::default());
    append(&fixture.host().await, 1).await;
    std::fs::remove_file(fixture.root.host_db()).unwrap();
    assert_eq!(
        wrong(&verify(&fixture.root).await),
        Some((Some(1), Wrong::AnchorAhead))
    );
}

#[tokio::test]
async fn a_log_of_the_other_program_has_no_chain_to_break() {
    let fixture = Fixture::new();
    std::fs::create_dir_all(fixture.root.path()).unwrap();
    let mut other = plain(fixture.root.host_db()).await;
    sql(&mut other, PYTHON).await.unwrap();
    for _ in 0..150 {
        sql(&mut other, FOREIGN).await.unwrap();
    }
    let verified = verify(&fixture.root).await;
    assert_eq!(verified.problem, None);
    assert_eq!(
        (verified.entries, verified.chained, verified.head),
        (150, 0, None)
    );
    assert_eq!(
        (verified.unchained.count, verified.unchained.ids.len()),
        (150, 100)
    );
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'supervise_%'")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert_eq!(tables, 1, "nothing of ours was made");
    assert!(!fixture.root.audit_dir().exists());
    sql(&mut other, "DELETE FROM supervise_audit_entries WHERE id > 140")
        .await
        .unwrap();
    assert_eq!(
        wrong(&verify(&fixture.root).await),
        Some((Some(141), Wrong::TailCut { last: 150 }))
    );
}

#[tokio::test]
async fn what_another_program_wrote_is_listed_above_the_head_and_refused_below() {
    let fixture = Fixture::new();
    let host = fixture.host().await;
    append(&host, 2).await;
    let mut other = plain(fixture.root.host_db()).await;
    sql(&mut other, FOREIGN).await.unwrap();
    let verified = verify(&fixture.root).await;
    assert_eq!(verified.problem, None);
    assert_eq!((verified.unchained.ids, verified.chained), (vec![3], 2));
    assert_eq!(verified.anchored, Some(2));

    append(&host, 1).await;
    let verified = verify(&fixture.root).await;
    assert_eq!(
        verified.problem, None,
        "bytes that are no text are chained as they are"
    );
    assert_eq!(
        (verified.unchained.count, verified.chained, verified.adopted),
        (0, 4, 1)
    );
    assert_eq!(verified.head.unwrap().id, 4);

    // Below the head, where the numbers leave room.
    sql(
        &mut other,
        &FOREIGN
            .replace("(timestamp", "(id, timestamp")
            .replace("('t'", "(9, 't'"),
    )
    .await
    .unwrap();
    append(&host, 1).await;
    sql(
        &mut other,
        &FOREIGN
            .replace("(timestamp", "(id, timestamp")
            .replace("('t'", "(7, 't'"),
    )
    .await
    .unwrap();
    assert_eq!(
        wrong(&verify(&fixture.root).await),
        Some((Some(7), Wrong::Inserted))
    );
}

#[tokio::test]
async fn the_anchor_may_lag_by_one_append_and_must_be_there() {
    let fixture = Fixture::new();
    let host = fixture.host().await;
    append(&host, 3).await;
    let mut other = plain(fixture.root.host_db()).await;
    sql(&mut other, FOREIGN).await.unwrap();
    append(&host, 1).await;
    let path = fixture.root.chain_log();
    let lines = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = lines.split_inclusive('\n').collect();

    // The last append adopted one.
    std::fs::write(&path, lines[..3].concat()).unwrap();
    let verified = verify(&fixture.root).await;
    assert_eq!((verified.problem, verified.anchored), (None, Some(3)));
    std::fs::write(&path, lines[..2].concat()).unwrap();
    assert_eq!(
        wrong(&verify(&fixture.root).await),
        Some((Some(3), Wrong::AnchorLags { appends: 2 }))
    );
    std::fs::write(&path, "").unwrap();
    assert_eq!(
        wrong(&verify(&fixture.root).await),
        Some((Some(1), Wrong::AnchorLags { appends: 4 }))
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        wrong(&verify(&fixture.root).await),
        Some((None, Wrong::AnchorMissing))
    );
    assert!(!path.exists(), "it isn't made");

    let directory = fixture.root.path();
    std::os::unix::fs::symlink(directory.join("bot-bottle.db"), &path).unwrap();
    let host = Host::open_read_only(&fixture.root).await.unwrap().unwrap();
    assert!(matches!(
        host.audit_verify(&Against::Anchor).await,
        Err(StoreError::Io { .. })
    ));
}

#[tokio::test]
async fn what_a_crash_tore_is_no_tampering() {
    let fixture = Fixture::new();
    let host = fixture.host().await;
    let path = fixture.root.chain_log();
    append(&host, 2).await;
    for left in [1, 2, 40, 66, 67] {
        append(&host, 1).await;
        let whole = std::fs::read_to_string(&path).unwrap();
        let last = whole[..whole.len() - 1].rfind('\n').unwrap() + 1;
        std::fs::write(&path, &whole[..last + left.min(whole.len() - last - 1)]).unwrap();
        assert_eq!(
            verify(&fixture.root).await.problem,
            None,
            "torn after {left} bytes"
        );
    }
    append(&host, 1).await;
    let verified = verify(&fixture.root).await;
    assert_eq!((verified.problem, verified.anchored), (None, Some(8)));
}

#[tokio::test]
async fn a_copy_of_the_anchor_may_be_old_and_finds_a_log_that_was_written_anew() {
    let fixture = Fixture::new();
    let host = fixture.host().await;
    append(&host, 3).await;
    let copy = fixture.root.path().join("copy");
    std::fs::copy(fixture.root.chain_log(), &copy).unwrap();
    append(&host, 5).await;
    let against = Against::Copy(copy.clone());
    let verified = host.audit_verify(&against).await.unwrap();
    assert_eq!((verified.problem, verified.anchored), (None, Some(3)));

    // The whole root by another history: nothing inside it is wrong.
    let other = Log::of(20).await;
    assert_eq!(other.verify().await.problem, None);
    let verified = other.host.audit_verify(&against).await.unwrap();
    assert_eq!(wrong(&verified), Some((Some(1), Wrong::AnchorDiffers)));
    let missing = Against::Copy(fixture.root.path().join("none"));
    assert!(matches!(
        host.audit_verify(&missing).await,
        Err(StoreError::Missing { .. })
    ));
}

#[tokio::test]
async fn verifying_changes_nothing() {
    let log = Log::of(50).await;
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(log.fixture.root.path())
            .unwrap()
            .chain(std::fs::read_dir(log.fixture.root.audit_dir()).unwrap())
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap()))
            .collect();
        names.sort();
        names
    };
    let before = files();
    assert_eq!(log.verify().await.problem, None);
    assert_eq!(files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn verifying_while_others_append_raises_no_false_alarm() {
    let fixture = std::sync::Arc::new(Fixture::new());
    fixture.host().await.close().await;
    let appenders: Vec<_> = (0..3)
        .map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move { append(&fixture.host().await, 30).await })
        })
        .collect();
    while !appenders.iter().all(|appender| appender.is_finished()) {
        assert_eq!(verify(&fixture.root).await.problem, None);
    }
    let verified = verify(&fixture.root).await;
    assert_eq!(
        (verified.problem, verified.chained, verified.anchored),
        (None, 90, Some(90))
    );
}

#[tokio::test]
async fn a_damaged_database_is_an_error_and_no_panic() {
    let log = Log::of(400).await;
    let path = log.fixture.root.host_db();
    log.host.clone().close().await;
    drop(log.attacker);
    let good = std::fs::read(&path).unwrap();
    let mut found = 0;
    for at in (100..good.len()).step_by(good.len() / 150) {
        let mut bad = good.clone();
        bad[at..(at + 50).min(good.len())].fill(0xff);
        std::fs::write(&path, &bad).unwrap();
        let verified = supervise_store::audit_verify(&log.fixture.root, &Against::Anchor).await;
        // Free space inside a page is no part of the log.
        found += usize::from(!verified.is_ok_and(|verified| verified.problem.is_none()));
    }
    assert!(found > 100, "{found}");
}
