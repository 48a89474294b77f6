//! Retention: what is deleted, what never is, and what is left because it changed.

use std::collections::HashSet;

use supervise_core::{Proposal, Tool, format_timestamp};
use supervise_store::{Archive, Host, Queue, Retention, Shown, Sticky, Verdict};
use time::{Duration, OffsetDateTime};

use crate::fixture::{Fixture, decided, held, plain, sql};

const ALL: Retention = Retention {
    older_than: Duration::ZERO,
};

async fn plan_and_delete(queue: &Queue, retention: Retention) -> supervise_store::Freed {
    let archive = queue.archive_survey().await.unwrap();
    let plan = retention.plan(archive, &HashSet::new(), OffsetDateTime::now_utc());
    queue.archive_delete(plan).await.unwrap()
}

/// Asks, has it decided and takes delivery; back when it is archived.
async fn archived(fixture: &Fixture, queue: &Queue, payload: &str, verdict: Verdict, seconds: u64) -> String {
    let mut hold = held(queue, payload).await;
    let id = hold.id().to_owned();
    let sticky = Sticky::from_seconds(seconds).unwrap();
    fixture.decide_sticking(&id, verdict, sticky).await.unwrap();
    decided(&mut hold).await.delivered();
    id
}

async fn rows(fixture: &Fixture, table: &str) -> u64 {
    let mut other = plain(fixture.queue_db()).await;
    let count = format!("CREATE TEMP TABLE t AS SELECT * FROM {table}");
    sql(&mut other, &count).await.unwrap();
    sql(&mut other, "DELETE FROM t").await.unwrap()
}

#[tokio::test]
async fn archived_rows_go_with_what_is_beside_them() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    for n in 0..250 {
        let mut hold = held(&queue, &format!("{n}")).await;
        if n % 50 == 0 {
            drop(held(&queue, &format!("{n}")).await);
        }
        if n % 2 == 0 {
            queue.proposal_withdraw(hold.id()).await.unwrap();
        } else if n % 25 == 0 {
            fixture.decide(hold.id(), Verdict::Approve).await.unwrap();
            decided(&mut hold).await.delivered();
        } else {
            let mut other = plain(fixture.queue_db()).await;
            let archive = format!(
                "UPDATE supervise_proposals SET archived = 1 WHERE id = '{}'",
                hold.id()
            );
            sql(&mut other, &archive).await.unwrap();
        }
    }
    let last = archived(&fixture, &queue, "last", Verdict::Approve, 0).await;
    let waiting = held(&queue, "waiting").await;
    let late = held(&queue, "late").await;
    let late_id = late.id().to_owned();
    drop(late);
    fixture.decide(&late_id, Verdict::Approve).await.unwrap();
    let freed = plan_and_delete(&queue, ALL).await;
    // The last response is the late one, which is not delivered yet.
    assert_eq!((freed.proposals, freed.responses, freed.left), (251, 6, 0));
    assert!(freed.side_rows >= 5 + 6 + 125, "{freed:?}");
    assert_eq!(rows(&fixture, "supervise_proposals").await, 2);
    assert_eq!(rows(&fixture, "supervise_responses").await, 1);
    for table in ["supervise_joins", "supervise_withdrawals"] {
        assert_eq!(rows(&fixture, table).await, 0, "{table}");
    }
    assert!(queue.proposal_find(&last).await.unwrap().is_empty());
    assert_eq!(
        queue.proposal_page().await.unwrap().proposals[0].proposal.id,
        waiting.id()
    );
    assert_eq!(queue.proposal_undelivered().await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_last_response_stays_so_that_no_number_is_given_out_twice() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    archived(&fixture, &queue, "x", Verdict::Approve, 0).await;
    let last = archived(&fixture, &queue, "y", Verdict::Approve, 0).await;
    queue.close().await;
    let queue = fixture.queue().await;
    assert_eq!(plan_and_delete(&queue, ALL).await.proposals, 1);
    assert_eq!(queue.proposal_find(&last).await.unwrap().len(), 1);
    let mut hold = held(&queue, "z").await;
    let id = hold.id().to_owned();
    fixture.decide(&id, Verdict::Reject).await.unwrap();
    assert_eq!(decided(&mut hold).await.answer().response.proposal_id, id);
}

#[tokio::test]
async fn what_is_refused_or_unfinished_stays() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let refused = archived(&fixture, &queue, "refused", Verdict::Reject, 600).await;
    let intended = archived(&fixture, &queue, "intended", Verdict::Approve, 0).await;
    let gone = archived(&fixture, &queue, "gone", Verdict::Approve, 0).await;
    archived(&fixture, &queue, "last", Verdict::Approve, 0).await;
    queue.close().await;
    let queue = fixture.queue().await;
    let archive = queue.archive_survey().await.unwrap();
    let needed = HashSet::from([intended.clone()]);
    let plan = ALL.plan(archive, &needed, OffsetDateTime::now_utc());
    assert_eq!(plan.proposals(), 1);
    queue.archive_delete(plan).await.unwrap();
    for (id, stays) in [(refused, true), (intended, true), (gone, false)] {
        assert_eq!(!queue.proposal_find(&id).await.unwrap().is_empty(), stays, "{id}");
    }
}

#[tokio::test]
async fn what_has_changed_since_the_plan_is_left() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    for payload in ["a", "b", "c"] {
        archived(&fixture, &queue, payload, Verdict::Approve, 0).await;
    }
    queue.close().await;
    let queue = fixture.queue().await;
    let archive = queue.archive_survey().await.unwrap();
    let plan = ALL.plan(archive, &HashSet::new(), OffsetDateTime::now_utc());
    assert_eq!(plan.proposals(), 2);
    // Another program deletes one, and its row's number is given to a new proposal; the other isn't archived
    // whole any more.
    let mut other = plain(fixture.queue_db()).await;
    sql(&mut other, "DELETE FROM supervise_proposals WHERE rowid = 1")
        .await
        .unwrap();
    let new = Proposal::new(&fixture.slug, Tool::EgressAllow, "new", "j");
    let insert = format!(
        "INSERT INTO supervise_proposals (rowid, id, bottle_slug, tool, proposed_file, justification, arrival_timestamp,
        current_file_hash, archived) VALUES (1, '{}', 'dev', 'egress-allow', 'new', 'j', '{}', 'h', 1)",
        new.id, new.arrival_timestamp
    );
    sql(&mut other, &insert).await.unwrap();
    let freed = queue.archive_delete(plan).await.unwrap();
    assert_eq!((freed.proposals, freed.left), (1, 1));
    assert_eq!(queue.proposal_find(&new.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn rows_that_nobody_could_read_stay_and_stop_nothing() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    archived(&fixture, &queue, "a", Verdict::Approve, 0).await;
    archived(&fixture, &queue, "b", Verdict::Approve, 0).await;
    queue.close().await;
    let mut other = plain(fixture.queue_db()).await;
    let insert = |id: &str, arrival: &str| {
        format!("INSERT INTO supervise_proposals VALUES ({id}, 'other', 'sudo', 'p', 'j', {arrival}, 'h', 1)")
    };
    let old = "'2020-01-01T00:00:00+00:00'";
    for statement in [
        insert("x'ff'", old),
        insert("CAST(x'ff' AS TEXT)", old),
        insert("printf('%.*c', 5000000, 'x')", old),
        insert("'no time'", "'yesterday'"),
        insert("'time of bytes'", "x'ff'"),
        insert("'a name that is no uuid'", old),
        // Half archived by another program: its response can't be deleted.
        "INSERT INTO supervise_responses VALUES ('half', 'approved', '', 'x', 0)".into(),
        insert("'half'", old),
    ] {
        sql(&mut other, &statement).await.unwrap();
    }
    let queue = fixture.queue().await;
    let freed = plan_and_delete(&queue, ALL).await;
    assert_eq!(
        (freed.proposals, freed.left),
        (3, 0),
        "both delivered, and the odd name"
    );
    assert_eq!(rows(&fixture, "supervise_proposals").await, 6);
}

#[tokio::test]
async fn a_read_only_look_at_an_old_file_plans_as_well() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    archived(&fixture, &queue, "a", Verdict::Approve, 0).await;
    archived(&fixture, &queue, "b", Verdict::Approve, 0).await;
    queue.close().await;
    let mut other = plain(fixture.queue_db()).await;
    sql(&mut other, "DROP TABLE supervise_refusals").await.unwrap();
    let queue = Queue::open_read_only(&fixture.queue_dir(), &fixture.slug)
        .await
        .unwrap();
    let archive: Archive = queue.archive_survey().await.unwrap();
    assert_eq!(
        ALL.plan(archive, &HashSet::new(), OffsetDateTime::now_utc())
            .proposals(),
        1
    );
}

#[tokio::test]
async fn the_host_forgets_what_is_gone_and_old() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let kept = held(&queue, "x").await;
    let host: Host = fixture.host().await;
    let gone = Proposal::new(&fixture.slug, Tool::EgressAllow, "gone", "j");
    let shown = |id: &str| Shown {
        slug: fixture.slug.clone(),
        id: id.to_owned(),
        digest: gone.digest(),
    };
    host.shown_record(vec![shown(kept.id()), shown(&gone.id)])
        .await
        .unwrap();
    let now = OffsetDateTime::now_utc();
    let before = |at| host.shown_before(&fixture.slug, at);
    assert!(before(now - Duration::hours(1)).await.unwrap().is_empty());
    let old = before(now + Duration::hours(1)).await.unwrap();
    assert_eq!(old.len(), 2);
    let missing = queue.proposals_missing(old).await.unwrap();
    assert_eq!(missing, std::slice::from_ref(&gone.id));
    assert_eq!(host.shown_forget(&fixture.slug, missing).await.unwrap(), 1);
    assert!(
        host.shown_digest(&fixture.slug, kept.id())
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        host.shown_digest(&fixture.slug, &gone.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!format_timestamp(now).is_empty());
}
