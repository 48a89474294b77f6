//! Refusals that stick, and the files and rows of others beside them.

use supervise_core::{Ask, Proposal, Status, Tool, format_timestamp};
use supervise_store::{
    Asked, Checked, DecisionRequest, Limit, Limits, Queue, RecoveredAs, Refusal, Sticky, Verdict,
};
use time::{Duration, OffsetDateTime};

use crate::fixture::{Fixture, NO_LIMITS, ask, decided, digest, held, plain, request, sql};

const TEN_MINUTES: u64 = 600;

fn sticky(seconds: u64) -> Sticky {
    Sticky::from_seconds(seconds).unwrap()
}

async fn refused(queue: &Queue, ask: Ask) -> Option<Refusal> {
    match queue.proposal_ask(ask, NO_LIMITS).await.unwrap() {
        Asked::RefusedBefore(refusal) => Some(refusal),
        Asked::Held(hold) => {
            queue.proposal_withdraw(hold.id()).await.unwrap();
            None
        }
        other => panic!("{other:?}"),
    }
}

/// Asks, has it rejected for so long, and takes delivery.
async fn reject(fixture: &Fixture, queue: &Queue, payload: &str, seconds: u64) -> String {
    let mut hold = held(queue, payload).await;
    let id = hold.id().to_owned();
    fixture
        .decide_sticking(&id, Verdict::Reject, sticky(seconds))
        .await
        .unwrap();
    decided(&mut hold).await.delivered();
    id
}

/// Moves a refusal's times by so much, as if the clock had been set.
async fn shift(fixture: &Fixture, by: Duration) {
    let at = OffsetDateTime::now_utc() + by;
    let until = at + Duration::seconds(TEN_MINUTES as i64);
    let (at, until) = (format_timestamp(at), format_timestamp(until));
    let mut other = plain(fixture.queue_db()).await;
    let set = format!("UPDATE supervise_refusals SET refused_at = '{at}', refused_until = '{until}'");
    assert_eq!(sql(&mut other, &set).await, Ok(1));
}

#[tokio::test]
async fn the_same_is_refused_again_and_anything_else_is_asked() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let id = reject(&fixture, &queue, "x", TEN_MINUTES).await;
    let refusal = refused(&queue, ask("x")).await.unwrap();
    assert_eq!(
        (refusal.id.as_str(), refusal.notes.as_str()),
        (id.as_str(), "fine")
    );
    let older = Ask {
        tool: Tool::EgressBlock,
        justification: "please".into(),
        ..ask("x")
    };
    assert_eq!(refused(&queue, older).await.unwrap().until, refusal.until);
    assert_eq!(refused(&queue, ask("x\n")).await, None);
    let image = Ask {
        tool: Tool::CapabilityBlock,
        ..ask("x")
    };
    assert_eq!(refused(&queue, image).await, None);
    // It outlives the process that wrote it, and the id still tells of the decision.
    queue.close().await;
    let queue = fixture.queue().await;
    assert_eq!(refused(&queue, ask("x")).await, Some(refusal));
    let Checked::Decided(delivery) = queue.proposal_check(&id).await.unwrap() else {
        panic!()
    };
    assert_eq!(delivery.answer().response.status, Status::Rejected);
}

#[tokio::test]
async fn a_late_rejection_is_delivered_first() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let hold = held(&queue, "x").await;
    let id = hold.id().to_owned();
    drop(hold);
    fixture
        .decide_sticking(&id, Verdict::Reject, sticky(TEN_MINUTES))
        .await
        .unwrap();
    let Asked::Decided(delivery) = queue.proposal_ask(ask("x"), NO_LIMITS).await.unwrap() else {
        panic!()
    };
    // While it is on its way to one caller, another is told of the refusal.
    assert_eq!(refused(&queue, ask("x")).await.unwrap().id, id);
    delivery.delivered();
    assert_eq!(refused(&queue, ask("x")).await.unwrap().id, id);
}

#[tokio::test]
async fn a_refused_ask_counts_towards_no_limit() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    reject(&fixture, &queue, "x", TEN_MINUTES).await;
    let one = Limits {
        max_pending: 1,
        max_per_minute: 1,
        max_queue_bytes: 0,
    };
    for _ in 0..3 {
        let asked = queue.proposal_ask(ask("x"), one).await.unwrap();
        assert!(matches!(asked, Asked::RefusedBefore(_)), "{asked:?}");
    }
    let first = queue.proposal_ask(ask("y"), one).await.unwrap();
    assert!(matches!(first, Asked::Held(_)), "{first:?}");
    // A full queue hides no refusal either.
    assert!(matches!(
        queue.proposal_ask(ask("z"), one).await.unwrap(),
        Asked::Refused(Limit::Pending(1))
    ));
    let asked = queue.proposal_ask(ask("x"), one).await.unwrap();
    assert!(matches!(asked, Asked::RefusedBefore(_)), "{asked:?}");
}

#[tokio::test]
async fn it_ends_by_itself_and_a_clock_prolongs_nothing() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    reject(&fixture, &queue, "x", TEN_MINUTES).await;
    for (by, holds) in [
        (Duration::minutes(-9), true),
        (Duration::seconds(30), true),
        (Duration::minutes(-11), false),
        (Duration::days(1), false),
        (Duration::days(-400), false),
    ] {
        shift(&fixture, by).await;
        assert_eq!(refused(&queue, ask("x")).await.is_some(), holds, "{by}");
    }
}

#[tokio::test]
async fn what_has_ended_is_deleted_when_the_queue_is_opened() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    for payload in ["x", "y"] {
        reject(&fixture, &queue, payload, TEN_MINUTES).await;
    }
    let mut other = plain(fixture.queue_db()).await;
    let expire = "UPDATE supervise_refusals SET refused_until = '2020-01-01T00:00:00.000000+00:00'
        WHERE payload = (SELECT min(payload) FROM supervise_refusals)";
    sql(&mut other, expire).await.unwrap();
    sql(
        &mut other,
        "INSERT INTO supervise_refusals VALUES ('a', 'b', 'c', 'd', x'ff'), ('e', 'f', 'g', 'h', '9999')",
    )
    .await
    .unwrap();
    queue.close().await;
    fixture.queue().await.close().await;
    assert_eq!(sql(&mut other, "DELETE FROM supervise_refusals").await, Ok(1));
}

#[tokio::test]
async fn the_latest_decision_on_a_payload_counts() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let submit = async |payload: &str| {
        let proposal = Proposal::new(&fixture.slug, Tool::EgressAllow, payload, "another program's");
        queue.proposal_submit(proposal.clone()).await.unwrap();
        proposal.id
    };
    let modified = Verdict::Modify {
        final_file: "z".into(),
    };
    for (verdict, seconds, holds) in [
        (Verdict::Approve, 0, false),
        (modified, TEN_MINUTES, false),
        (Verdict::Reject, 0, false),
        (Verdict::Reject, TEN_MINUTES, true),
    ] {
        reject(&fixture, &queue, "x", TEN_MINUTES).await;
        let id = submit("x").await;
        let done = fixture
            .decide_sticking(&id, verdict.clone(), sticky(seconds))
            .await
            .unwrap();
        assert_eq!(done.refused_until.is_some(), holds, "{verdict:?}");
        let Asked::Decided(late) = queue.proposal_ask(ask("x"), NO_LIMITS).await.unwrap() else {
            panic!("{verdict:?}")
        };
        late.delivered();
        let refusal = refused(&queue, ask("x")).await;
        assert_eq!(
            refusal.map(|refusal| refusal.id),
            holds.then_some(id),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_response_of_another_program_does_not_stick() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let mut hold = held(&queue, "x").await;
    let mut other = plain(fixture.queue_db()).await;
    // Word for word what the other program writes.
    let respond = format!(
        "INSERT OR REPLACE INTO supervise_responses (proposal_id, status, notes, final_file, archived)
        VALUES ('{}', 'rejected', 'no', NULL, 0)",
        hold.id()
    );
    sql(&mut other, &respond).await.unwrap();
    decided(&mut hold).await.delivered();
    assert_eq!(refused(&queue, ask("x")).await, None);
}

#[tokio::test]
async fn a_daemons_proposal_has_no_refusal() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let proposal = Proposal::new(&fixture.slug, Tool::GitleaksAllow, "x", "a scanner's");
    queue.proposal_submit(proposal.clone()).await.unwrap();
    let done = fixture
        .decide_sticking(&proposal.id, Verdict::Reject, sticky(TEN_MINUTES))
        .await
        .unwrap();
    assert_eq!(done.refused_until, None);
    let again = Proposal::new(&fixture.slug, Tool::GitleaksAllow, "x", "a scanner's");
    queue.proposal_submit(again).await.unwrap();
    assert_eq!(queue.proposal_page().await.unwrap().total, 1);
}

#[tokio::test]
async fn lifting_makes_it_a_new_question() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let id = reject(&fixture, &queue, "x", TEN_MINUTES).await;
    let proposal = queue.proposal_find(&id).await.unwrap().remove(0).listed.proposal;
    let host = fixture.host().await;
    let elsewhere = host.bottle_lock(&"ci".parse().unwrap()).await.unwrap();
    assert_eq!(queue.refusal_lift(&elsewhere, &proposal).await.unwrap(), None);
    let lock = host.bottle_lock(&fixture.slug).await.unwrap();
    let lifted = queue.refusal_lift(&lock, &proposal).await.unwrap().unwrap();
    assert_eq!(lifted.id, id);
    assert_eq!(queue.refusal_lift(&lock, &proposal).await.unwrap(), None);
    assert_eq!(refused(&queue, ask("x")).await, None);
}

#[tokio::test]
async fn a_crash_before_the_answer_loses_no_refusal() {
    for audited in [false, true] {
        let fixture = Fixture::new();
        let queue = fixture.queue().await;
        let mut hold = held(&queue, "x").await;
        let id = hold.id().to_owned();
        let host = fixture.host().await;
        let lock = host.bottle_lock(&fixture.slug).await.unwrap();
        let request = DecisionRequest {
            sticky: sticky(TEN_MINUTES),
            ..request(&id, digest(&queue, &id).await, Verdict::Reject)
        };
        let claimed = host.decision_claim(lock, &queue, request).await.unwrap();
        let intended = claimed.intend(String::new(), None).await.unwrap();
        if audited {
            drop(intended.audit(false).await.unwrap());
        } else {
            drop(intended);
        }
        host.close().await;
        let host = fixture.host().await;
        let lock = host.bottle_lock(&fixture.slug).await.unwrap();
        let recovered = host.recover(&lock, &queue).await.unwrap().recovered;
        assert_eq!(recovered[0].what, RecoveredAs::Finished(Status::Rejected));
        decided(&mut hold).await.delivered();
        assert_eq!(refused(&queue, ask("x")).await.unwrap().id, id, "{audited}");
        let mut other = plain(fixture.root.host_db()).await;
        assert_eq!(
            sql(&mut other, "DELETE FROM supervise_intent_refusals").await,
            Ok(0)
        );
    }
}

#[tokio::test]
async fn garbage_is_no_refusal() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    reject(&fixture, &queue, "x", TEN_MINUTES).await;
    let mut other = plain(fixture.queue_db()).await;
    let now = OffsetDateTime::now_utc();
    let far = format_timestamp(now + Duration::days(31));
    let garbage = [
        "proposal_id = 'x'".to_owned(),
        "proposal_id = upper(proposal_id)".into(),
        "proposal_id = x'ff'".into(),
        "notes = x'ff'".into(),
        "notes = CAST(x'ff' AS TEXT)".into(),
        "notes = printf('%.*c', 5000000, 'x')".into(),
        "refused_until = ''".into(),
        "refused_until = 'status: approved'".into(),
        "refused_until = substr(refused_until, 1, 19) || 'Z'".into(),
        "refused_until = CAST(refused_until AS BLOB)".into(),
        "refused_until = printf('%.*c', 5000000, '9')".into(),
        format!("refused_until = '{far}'"),
        "refused_at = refused_until".into(),
        "refused_at = ''".into(),
        "payload = CAST(payload AS BLOB)".into(),
    ];
    let keep = "CREATE TEMP TABLE kept AS SELECT * FROM supervise_refusals";
    sql(&mut other, keep).await.unwrap();
    for set in garbage {
        let change = format!("UPDATE supervise_refusals SET {set}");
        assert_eq!(sql(&mut other, &change).await, Ok(1), "{set}");
        assert_eq!(refused(&queue, ask("x")).await, None, "{set}");
        sql(&mut other, "DELETE FROM supervise_refusals").await.unwrap();
        sql(&mut other, "INSERT INTO supervise_refusals SELECT * FROM kept")
            .await
            .unwrap();
        assert!(refused(&queue, ask("x")).await.is_some(), "{set}");
    }
}

#[tokio::test]
async fn a_table_full_of_rows_stops_no_decision() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let mut other = plain(fixture.queue_db()).await;
    let fill = "INSERT INTO supervise_refusals
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        SELECT hex(i), 'p', 'n', 'a', '2999' FROM n";
    sql(&mut other, fill).await.unwrap();
    reject(&fixture, &queue, "x", TEN_MINUTES).await;
    assert!(refused(&queue, ask("x")).await.is_some());
}

#[tokio::test]
async fn a_file_of_the_version_before_is_read_and_completed() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let hold = held(&queue, "x").await;
    drop((hold, held(&queue, "x").await));
    queue.close().await;
    fixture.host().await.close().await;
    let mut old = plain(fixture.queue_db()).await;
    sql(&mut old, "DROP TABLE supervise_refusals").await.unwrap();
    let mut host = plain(fixture.root.host_db()).await;
    sql(&mut host, "DROP TABLE supervise_intent_refusals")
        .await
        .unwrap();
    // Read only, nothing is made and nothing is lost from sight.
    let page = Queue::page_of(&fixture.queue_dir(), &fixture.slug).await.unwrap();
    assert_eq!((page.proposals.len(), page.proposals[0].joined), (1, 1));
    let count = "INSERT INTO supervise_refusals VALUES ('a', 'b', 'c', 'd', 'e')";
    assert!(sql(&mut old, count).await.unwrap_err().contains("no such table"));
    let queue = fixture.queue().await;
    let id = page.proposals[0].proposal.id.clone();
    fixture
        .decide_sticking(&id, Verdict::Reject, sticky(TEN_MINUTES))
        .await
        .unwrap();
    let Asked::Decided(late) = queue.proposal_ask(ask("x"), NO_LIMITS).await.unwrap() else {
        panic!()
    };
    late.delivered();
    assert_eq!(refused(&queue, ask("x")).await.unwrap().id, id);
    // What a program of the version before would refuse is any trigger or index that it doesn't know.
    let extras = "UPDATE supervise_refusals SET notes = (SELECT count(*) FROM sqlite_schema
        WHERE tbl_name = 'supervise_refusals' AND type <> 'table' AND sql IS NOT NULL)";
    sql(&mut old, extras).await.unwrap();
    assert_eq!(refused(&queue, ask("x")).await.unwrap().notes, "0");
}

#[tokio::test]
async fn a_planted_table_of_another_shape_is_refused() {
    let fixture = Fixture::new();
    fixture.queue().await.close().await;
    let mut other = plain(fixture.queue_db()).await;
    for shape in [
        "(payload TEXT PRIMARY KEY, notes TEXT)",
        "(payload TEXT PRIMARY KEY CHECK (0), proposal_id TEXT NOT NULL, notes TEXT NOT NULL, refused_at TEXT NOT NULL, refused_until TEXT NOT NULL)",
    ] {
        sql(&mut other, "DROP TABLE supervise_refusals").await.unwrap();
        sql(&mut other, &format!("CREATE TABLE supervise_refusals {shape}"))
            .await
            .unwrap();
        let opened = Queue::open(&fixture.queue_dir(), &fixture.slug).await;
        let error = opened.unwrap_err().to_string();
        assert!(error.contains("supervise_refusals"), "{error}");
    }
}
