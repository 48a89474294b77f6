//! A crash between each two of the six steps. A process is killed in earnest by the operator program's
//! tests; here the steps' values are forgotten, which frees the lock just the same.

use supervise_core::Status;
use supervise_store::{DecisionError, EditRequest, Queue, Recovered, RecoveredAs, State, Verdict};

use crate::fixture::{Fixture, digest, held, request};

/// Decides up to a step and drops everything there.
async fn stop_behind(fixture: &Fixture, id: &str, step: u32) {
    let host = fixture.host().await;
    let queue = Queue::open(&fixture.queue_dir(), &fixture.slug).await.unwrap();
    let seen = digest(&queue, id).await;
    let lock = host.bottle_lock(&fixture.slug).await.unwrap();
    if step == 1 {
        return;
    }
    let claimed = host
        .decision_claim(lock, &queue, request(id, seen, Verdict::Approve))
        .await
        .unwrap();
    if step == 2 {
        return;
    }
    let intended = claimed.intend("d".into(), None).await.unwrap();
    if step == 3 {
        return;
    }
    let audited = intended.audit(false).await.unwrap();
    if step == 5 {
        return;
    }
    audited.answer().await.unwrap();
}

async fn recover(fixture: &Fixture) -> Vec<Recovered> {
    let (host, queue) = (fixture.host().await, fixture.queue().await);
    let lock = host.bottle_lock(&fixture.slug).await.unwrap();
    let recovered = host.recover(&lock, &queue).await.unwrap().recovered;
    assert_eq!(
        host.recover(&lock, &queue).await.unwrap().recovered,
        [],
        "recovery is done once"
    );
    recovered
}

#[tokio::test]
async fn the_next_to_lock_finishes_or_undoes() {
    let finished = Some(RecoveredAs::Finished(Status::Approved));
    let cases = [
        (1, None, 0),
        (2, Some(RecoveredAs::Undone), 0),
        (3, finished, 1),
        (5, finished, 1),
        (6, None, 1),
    ];
    for (step, expected, entries) in cases {
        let fixture = Fixture::new();
        let queue = fixture.queue().await;
        let id = held(&queue, "x").await.id().to_owned();
        stop_behind(&fixture, &id, step).await;
        let recovered = recover(&fixture).await;
        assert_eq!(recovered.first().map(|r| r.what), expected, "step {step}");
        let host = fixture.host().await;
        assert_eq!(
            host.audit_page(&Default::default()).await.unwrap().len(),
            entries,
            "step {step}"
        );
        assert_eq!(host.interrupted().await.unwrap(), [], "step {step}");
        assert!(!queue.proposal_page().await.unwrap().claimed, "step {step}");
        let state = queue.proposal_find(&id).await.unwrap().remove(0).state;
        assert_eq!(
            matches!(state, State::Decided(_)),
            entries == 1,
            "step {step}: {state:?}"
        );
        // Whatever happened, deciding now either works or names the winner.
        match fixture.decide(&id, Verdict::Reject).await {
            Ok(decided) => assert_eq!(decided.status, Status::Rejected),
            Err(DecisionError::Already(status)) => assert_eq!((status, entries), (Status::Approved, 1)),
            Err(other) => panic!("step {step}: {other}"),
        }
    }
}

#[tokio::test]
async fn a_claim_that_the_peer_planted_is_undone() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let id = held(&queue, "x").await.id().to_owned();
    let mut other = crate::fixture::plain(fixture.queue_db()).await;
    let plant = format!("INSERT INTO supervise_claims VALUES ('{id}', 'planted', 'now')");
    crate::fixture::sql(&mut other, &plant).await.unwrap();
    assert!(matches!(
        queue.proposal_withdraw(&id).await.unwrap(),
        supervise_store::Withdrawal::BeingDecided
    ));
    assert_eq!(
        fixture.decide(&id, Verdict::Approve).await.unwrap().status,
        Status::Approved
    );
}

#[tokio::test]
async fn an_edit_under_way_hides_no_decision_under_way() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let id = held(&queue, "x").await.id().to_owned();
    stop_behind(&fixture, &id, 3).await;
    let host = fixture.host().await;
    let lock = host.bottle_lock(&fixture.slug).await.unwrap();
    let text = |text: &str| text.to_owned();
    let request = EditRequest {
        component: text("egress"),
        notes: text(""),
        diff: text("d"),
        operator: text("ada"),
        via: text("test"),
        effect: text("{}"),
    };
    let edit = host.edit_intend(lock, request).await.unwrap();
    let intended = host.intended(&fixture.slug).await.unwrap();
    assert_eq!(intended.into_iter().collect::<Vec<_>>(), [id]);
    edit.undo().await.unwrap();
}
