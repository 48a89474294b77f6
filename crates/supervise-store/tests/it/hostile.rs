//! What a peer who can write the queue may put there, and what a fault may leave, each tried in earnest.

use std::time::Duration;

use supervise_core::{AuditEntry, Proposal, Tool};
use supervise_store::{
    Asked, AuditFilter, AuditOrigin, Claimed, DecisionError, Host, Outcome, Queue, StoreError, Verdict,
};

use crate::fixture::{Fixture, NO_LIMITS, ask, decided, digest, held, plain, request, sql};

async fn claimed(f: &Fixture, host: &Host, queue: &Queue, id: &str, v: Verdict) -> Claimed {
    let lock = host.bottle_lock(&f.slug).await.unwrap();
    let d = digest(queue, id).await;
    host.decision_claim(lock, queue, request(id, d, v)).await.unwrap()
}

fn entry(diff: &str) -> AuditEntry {
    AuditEntry {
        timestamp: "t".into(),
        bottle_slug: "dev".into(),
        component: "egress".into(),
        operator_action: "operator-edit".into(),
        operator_notes: String::new(),
        justification: String::new(),
        diff: diff.into(),
    }
}

#[tokio::test]
async fn a_decision_through_the_same_handle_reaches_the_hold() {
    let f = Fixture::new();
    let host = f.host().await;
    let queue = f.queue().await;
    let mut hold = held(&queue, "x").await;
    let id = hold.id().to_owned();
    claimed(&f, &host, &queue, &id, Verdict::Approve)
        .await
        .intend("".into(), None)
        .await
        .unwrap()
        .audit(false)
        .await
        .unwrap()
        .answer()
        .await
        .unwrap();
    let out = tokio::time::timeout(Duration::from_secs(2), hold.outcome()).await;
    assert!(out.is_ok(), "hold never ends");
}

#[tokio::test]
async fn an_answer_that_fails_is_said_to_be_unfinished() {
    let f = Fixture::new();
    let host = f.host().await;
    let queue = f.queue().await;
    let hold = held(&queue, "x").await;
    let id = hold.id().to_owned();
    let audited = claimed(&f, &host, &queue, &id, Verdict::Approve)
        .await
        .intend("".into(), None)
        .await
        .unwrap()
        .audit(false)
        .await
        .unwrap();
    let mut other = plain(f.queue_db()).await;
    sql(&mut other, "BEGIN IMMEDIATE").await.unwrap();
    let failed = audited.answer().await.unwrap_err();
    sql(&mut other, "ROLLBACK").await.unwrap();
    assert!(matches!(failed, DecisionError::Unfinished { .. }), "{failed}");
    let now = f.decide(&id, Verdict::Reject).await;
    assert!(matches!(now, Err(DecisionError::Already(_))), "{now:?}");
}

#[tokio::test]
async fn an_answer_under_another_spelling_of_the_id_is_none() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let mut hold = held(&queue, "x").await;
    let id = hold.id().to_owned();
    let host = f.host().await;
    let _claimed = claimed(&f, &host, &queue, &id, Verdict::Reject).await; // any response is refused from here
    let mut other = plain(f.queue_db()).await;
    sql(
        &mut other,
        &format!(
            "INSERT INTO supervise_responses VALUES ('{}','approved','',NULL,0)",
            id.to_uppercase()
        ),
    )
    .await
    .unwrap();
    let out = tokio::time::timeout(Duration::from_secs(1), hold.outcome()).await;
    assert!(out.is_err(), "decided by a row that isn't this proposal's");
}

#[tokio::test]
async fn an_unreadable_answer_stops_no_other_decision() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let a = held(&queue, "x").await;
    let b = held(&queue, "y").await;
    let mut other = plain(f.queue_db()).await;
    sql(
        &mut other,
        &format!(
            "INSERT INTO supervise_responses VALUES ('{}','maybe','',NULL,0)",
            a.id()
        ),
    )
    .await
    .unwrap();
    let refused = f.decide(a.id(), Verdict::Approve).await;
    assert!(matches!(refused, Err(DecisionError::Unreadable)), "{refused:?}");
    let second = f.decide(b.id(), Verdict::Approve).await;
    let entries = f.host().await.audit_page(&AuditFilter::default()).await.unwrap();
    assert!(second.is_ok(), "one odd row ends every decision in the bottle");
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn a_final_file_that_nobody_could_read_is_refused() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let mut a = held(&queue, "x").await;
    let id = a.id().to_owned();
    let done = f
        .decide(
            &id,
            Verdict::Modify {
                final_file: "z".repeat(5 << 20),
            },
        )
        .await;
    let out = tokio::time::timeout(Duration::from_secs(2), a.outcome())
        .await
        .is_ok();
    assert!(done.is_err() || out);
}

#[tokio::test]
async fn a_large_diff_can_be_audited_and_read() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let p = Proposal::new(&f.slug, Tool::GitleaksAllow, "\n".repeat(3 << 20), "j");
    queue.proposal_submit(p.clone()).await.unwrap();
    let host = f.host().await;
    let c = claimed(&f, &host, &queue, &p.id, Verdict::Approve).await;
    let diff = supervise_core::render_diff("", &p.proposed_file, "x");
    c.intend(diff, None)
        .await
        .unwrap()
        .audit(false)
        .await
        .unwrap()
        .answer()
        .await
        .unwrap();
    let page = host.audit_page(&AuditFilter::default()).await;
    assert!(page.is_ok(), "{:?}", page.err());
}

#[tokio::test]
async fn a_large_foreign_entry_is_adopted() {
    let f = Fixture::new();
    let host = f.host().await;
    let mut other = plain(f.root.host_db()).await;
    sql(&mut other, "INSERT INTO supervise_audit_entries (timestamp,bottle_slug,component,operator_action,operator_notes,justification,diff) VALUES ('t','b','c','approved','','',printf('%.*c',5000000,'x'))").await.unwrap();
    let done = host.audit_append(entry("d"), AuditOrigin::default()).await;
    assert!(done.is_ok(), "{done:?}");
}

#[tokio::test]
async fn a_proposal_that_nobody_could_read_is_refused() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let p = Proposal::new(&f.slug, Tool::GitleaksAllow, "x".repeat(5 << 20), "j");
    let done = queue.proposal_submit(p).await;
    let listed = queue.proposal_page().await.unwrap().proposals.len();
    assert!(done.is_err() || listed == 1, "stored, but never listed");
}

#[tokio::test]
async fn a_reader_notices_a_view() {
    let f = Fixture::new();
    let queue = f.queue().await;
    drop(queue);
    let reader = Queue::open_read_only(&f.queue_dir(), &f.slug).await.unwrap();
    let mut other = plain(f.queue_db()).await;
    sql(&mut other, "DROP TABLE supervise_proposals").await.unwrap();
    sql(&mut other, "CREATE VIEW supervise_proposals AS SELECT '0c9a5bb0-2e05-4b2a-9a0c-111111111111' AS id, 'dev' AS bottle_slug, 'egress-allow' AS tool, replace(printf('%.*c', 4000000, 'x'),'x','y') AS proposed_file, 'j' AS justification, 't' AS arrival_timestamp, 'h' AS current_file_hash, 0 AS archived, 1 AS rowid").await.unwrap();
    let page = reader.proposal_page().await;
    assert!(page.is_err());
}

#[tokio::test]
async fn a_virtual_table_is_refused() {
    let f = Fixture::new();
    std::fs::create_dir_all(f.queue_dir()).unwrap();
    let mut other = plain(f.queue_db()).await;
    for s in [
        "CREATE TABLE supervise_proposals(id, bottle_slug, tool, proposed_file, justification, arrival_timestamp, current_file_hash, archived, evil TEXT DEFAULT 'x')",
        "CREATE TABLE supervise_responses(proposal_id TEXT PRIMARY KEY, status TEXT NOT NULL, notes TEXT NOT NULL, final_file TEXT, archived INTEGER NOT NULL DEFAULT 0)",
        "CREATE VIRTUAL TABLE pragma_table_xinfo USING fts5(name, type, cid, t)",
        "INSERT INTO pragma_table_xinfo VALUES ('id','TEXT',0,'supervise_proposals'),('bottle_slug','TEXT',1,'supervise_proposals'),('tool','TEXT',2,'supervise_proposals'),('proposed_file','TEXT',3,'supervise_proposals'),('justification','TEXT',4,'supervise_proposals'),('arrival_timestamp','TEXT',5,'supervise_proposals'),('current_file_hash','TEXT',6,'supervise_proposals'),('archived','INTEGER',7,'supervise_proposals')",
        "INSERT INTO pragma_table_xinfo VALUES ('proposal_id','TEXT',0,'supervise_responses'),('status','TEXT',1,'supervise_responses'),('notes','TEXT',2,'supervise_responses'),('final_file','TEXT',3,'supervise_responses'),('archived','INTEGER',4,'supervise_responses')",
    ] {
        sql(&mut other, s).await.unwrap();
    }
    let opened = Queue::open_read_only(&f.queue_dir(), &f.slug).await;
    assert!(
        matches!(opened, Err(StoreError::Refused { .. })),
        "a foreign shape was accepted"
    );
}

#[tokio::test]
async fn a_claim_of_bytes_is_cleared() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let a = held(&queue, "x").await;
    let mut other = plain(f.queue_db()).await;
    sql(&mut other, "INSERT INTO supervise_claims VALUES (X'ff','t','x')")
        .await
        .unwrap();
    let done = f.decide(a.id(), Verdict::Approve).await;
    assert!(done.is_ok(), "{done:?}");
}

#[tokio::test]
async fn an_odd_count_hides_nothing() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let a = held(&queue, "x").await;
    let _b = held(&queue, "y").await;
    let mut other = plain(f.queue_db()).await;
    sql(
        &mut other,
        &format!("INSERT INTO supervise_joins VALUES ('{}','many')", a.id()),
    )
    .await
    .unwrap();
    let page = queue.proposal_page().await;
    assert!(page.is_ok(), "{:?}", page.err());
}

#[tokio::test]
async fn a_moved_claim_stops_no_other_decision() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let host = f.host().await;
    let a = held(&queue, "x").await;
    let b = held(&queue, "y").await;
    drop(
        claimed(&f, &host, &queue, a.id(), Verdict::Approve)
            .await
            .intend("".into(), None)
            .await
            .unwrap(),
    );
    let mut other = plain(f.queue_db()).await;
    sql(
        &mut other,
        "INSERT INTO supervise_claims SELECT 'elsewhere', token, 'x' FROM supervise_claims",
    )
    .await
    .unwrap();
    sql(
        &mut other,
        &format!(
            "UPDATE supervise_claims SET token = 'other' WHERE proposal_id = '{}'",
            a.id()
        ),
    )
    .await
    .unwrap();
    let done = f.decide(b.id(), Verdict::Approve).await;
    assert!(done.is_ok(), "{done:?}");
}

#[tokio::test]
async fn a_failed_archive_is_made_up_for() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let mut a = held(&queue, "x").await;
    f.decide(a.id(), Verdict::Approve).await.unwrap();
    let d = decided(&mut a).await;
    let mut other = plain(f.queue_db()).await;
    sql(&mut other, "BEGIN IMMEDIATE").await.unwrap();
    d.delivered();
    tokio::time::sleep(Duration::from_millis(8000)).await;
    sql(&mut other, "ROLLBACK").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let again = queue.proposal_ask(ask("x"), NO_LIMITS).await.unwrap();
    assert!(matches!(again, Asked::Held(_)), "delivered twice: {again:?}");
}

#[tokio::test]
async fn row_numbers_below_one_are_refused() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let a = held(&queue, "x").await;
    let mut other = plain(f.queue_db()).await;
    for row in [0, -1, -7] {
        let respond = format!(
            "INSERT INTO supervise_responses (rowid, proposal_id, status, notes) VALUES ({row}, '{}', 'approved', '')",
            a.id()
        );
        assert!(
            sql(&mut other, &respond).await.unwrap_err().contains("below one"),
            "{row}"
        );
    }
}

#[tokio::test]
async fn a_replaced_file_is_not_healthy() {
    let f = Fixture::new();
    let queue = f.queue().await;
    std::fs::remove_file(f.queue_db()).unwrap();
    let health = queue.check_health().await;
    let asked = queue.proposal_ask(ask("x"), NO_LIMITS).await;
    assert!(health.is_err() || asked.is_ok());
}

/// SQLite may ask whether to go on when a BEGIN has already taken its lock, after waiting for it longer than any
/// statement may run. Stopped there, the transaction would stay open for ever.
#[tokio::test]
async fn a_transaction_is_never_left_open() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let mut other = plain(f.queue_db()).await;
    let nothing = "00000000-0000-4000-8000-000000000000";
    // Step counters run on in cached statements: about the 2,000th BEGIN is the one that is asked.
    for _ in 0..1997 {
        queue.proposal_withdraw(nothing).await.unwrap();
    }
    for _ in 0..4 {
        sql(&mut other, "BEGIN IMMEDIATE").await.unwrap();
        let waiting = queue.clone();
        let job = tokio::spawn(async move { waiting.proposal_withdraw(nothing).await });
        tokio::time::sleep(Duration::from_millis(2300)).await;
        sql(&mut other, "ROLLBACK").await.unwrap();
        job.await.unwrap().unwrap();
    }
    queue.proposal_ask(ask("x"), NO_LIMITS).await.unwrap();
    sql(&mut other, "BEGIN IMMEDIATE").await.unwrap();
}

#[tokio::test]
async fn dropped_triggers_come_back_before_anything_is_written() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let mut other = plain(f.queue_db()).await;
    sql(&mut other, "DROP TRIGGER supervise_responses_once")
        .await
        .unwrap();
    let id = held(&queue, "x").await.id().to_owned();
    let respond =
        format!("INSERT OR REPLACE INTO supervise_responses VALUES ('{id}', 'rejected', '', NULL, 0)");
    sql(&mut other, &respond).await.unwrap();
    assert!(
        sql(&mut other, &respond)
            .await
            .unwrap_err()
            .contains("already answered")
    );
}

#[tokio::test]
async fn odd_rows_crowd_nobody_out() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let good = held(&queue, "x").await.id().to_owned();
    let mut other = plain(f.queue_db()).await;
    let crowd = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO supervise_proposals SELECT substr(?1, 1, 8) || i, 'dev', 'egress-allow', 'f', 'j', '0', 'h', 0 FROM n";
    sqlx::query(crowd).bind(&good).execute(&mut other).await.unwrap();
    let page = queue.proposal_page().await.unwrap();
    assert_eq!((page.proposals.len(), page.total), (1, 1));
    assert!(!page.hidden.is_empty());
    assert_eq!(queue.proposal_find(&good[..8]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_foreign_log_is_adopted() {
    let f = Fixture::new();
    let host = f.host().await;
    let mut other = plain(f.root.host_db()).await;
    let log = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action, operator_notes, justification, diff)
        SELECT 't', 'dev', 'egress', 'approved', '', '', i FROM n";
    sql(&mut other, log).await.unwrap();
    assert_eq!(
        host.audit_append(entry("d"), AuditOrigin::default())
            .await
            .unwrap(),
        20_001
    );
}

#[tokio::test]
async fn a_page_is_bounded_in_bytes() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let mut other = plain(f.queue_db()).await;
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
        INSERT INTO supervise_proposals SELECT printf('0c9a5bb0-2e05-4b2a-9a0c-%012d', i), 'dev', 'gitleaks-allow',
        printf('%.*c', 4000000, 'x'), 'j', 't', 'h', 0 FROM n";
    sql(&mut other, rows).await.unwrap();
    let page = queue.proposal_page().await.unwrap();
    assert_eq!((page.proposals.len(), page.total), (16, 40));
}

async fn pending(f: &Fixture) -> Vec<String> {
    let page = Queue::page_of(&f.queue_dir(), &f.slug).await.unwrap();
    page.proposals.into_iter().map(|one| one.proposal.id).collect()
}

#[tokio::test]
async fn a_queue_goes_on_with_the_file_that_is_there() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let mut old = held(&queue, "x").await;
    std::fs::remove_file(f.queue_db()).unwrap();
    let asked = queue.proposal_ask(ask("y"), NO_LIMITS).await;
    assert!(matches!(asked, Err(StoreError::Missing { .. })), "{asked:?}");
    // Somebody restores one.
    let other = Fixture::new();
    other.queue().await.close().await;
    std::fs::rename(other.queue_db(), f.queue_db()).unwrap();
    let mut new = held(&queue, "y").await;
    assert_eq!(pending(&f).await, [new.id()]);
    assert!(matches!(old.outcome().await, Outcome::StoreGone));
    let id = new.id().to_owned();
    f.decide(&id, Verdict::Approve).await.unwrap();
    decided(&mut new).await;
}

#[tokio::test]
async fn a_directory_that_is_gone_is_not_made_again_but_used_when_it_is_back() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let hold = held(&queue, "x").await;
    let away = f.root.path().join("away");
    std::fs::rename(f.queue_dir(), &away).unwrap();
    for _ in 0..2 {
        let asked = queue.proposal_ask(ask("y"), NO_LIMITS).await;
        assert!(matches!(asked, Err(StoreError::Missing { .. })), "{asked:?}");
        assert!(queue.check_health().await.is_err());
        assert!(!f.queue_dir().exists());
    }
    std::fs::rename(&away, f.queue_dir()).unwrap();
    queue.check_health().await.unwrap();
    assert_eq!(pending(&f).await, [hold.id()]);

    std::fs::remove_dir_all(f.queue_dir()).unwrap();
    assert!(queue.check_health().await.is_err());
    supervise_store::prepare(&f.root, &f.slug).unwrap();
    queue.check_health().await.unwrap();
    let hold = held(&queue, "z").await;
    assert_eq!(pending(&f).await, [hold.id()]);
}

#[tokio::test]
async fn what_is_put_in_the_place_of_an_open_file_is_looked_at_too() {
    let f = Fixture::new();
    let queue = f.queue().await;
    let hold = held(&queue, "x").await;
    let away = f.root.path().join("away");
    std::fs::rename(f.queue_db(), &away).unwrap();
    std::os::unix::fs::symlink(&away, f.queue_db()).unwrap();
    let asked = queue.proposal_ask(ask("y"), NO_LIMITS).await;
    assert!(matches!(asked, Err(StoreError::Refused { .. })), "{asked:?}");
    std::fs::rename(&away, f.queue_db()).unwrap();
    queue.check_health().await.unwrap();
    assert_eq!(pending(&f).await, [hold.id()]);
}
