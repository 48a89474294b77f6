//! Waiting for decisions, by whoever they are made.

use std::time::Duration;

use supervise_store::{Asked, Outcome, Verdict};

use crate::fixture::{Fixture, NO_LIMITS, ask, decided, held, plain, sql};

#[tokio::test]
async fn every_caller_of_a_proposal_has_the_answer() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let (mut one, mut two) = (held(&queue, "x").await, held(&queue, "x").await);
    fixture.decide(one.id(), Verdict::Approve).await.unwrap();
    for hold in [&mut one, &mut two] {
        let delivery = decided(hold).await;
        assert_eq!(delivery.answer().response.notes, "fine");
        assert_eq!(delivery.answer().response.final_file.as_deref(), Some("x"));
    }
}

#[tokio::test]
async fn a_plain_sql_response_is_noticed() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let mut hold = held(&queue, "x").await;
    let mut other = plain(fixture.queue_db()).await;
    let respond = format!(
        "INSERT INTO supervise_responses VALUES ('{}', 'rejected', 'no', NULL, 0)",
        hold.id()
    );
    sql(&mut other, &respond).await.unwrap();
    let delivery = decided(&mut hold).await;
    assert_eq!(delivery.answer().applied, None);
    delivery.delivered();
    // Archiving is asked later than the read below, so the read sees it done.
    assert_eq!(queue.proposal_undelivered().await.unwrap(), []);
}

#[tokio::test]
async fn an_archived_proposal_ends_its_hold() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let mut hold = held(&queue, "x").await;
    let mut other = plain(fixture.queue_db()).await;
    sql(&mut other, "UPDATE supervise_proposals SET archived = 1")
        .await
        .unwrap();
    let outcome = tokio::time::timeout(Duration::from_secs(10), hold.outcome())
        .await
        .unwrap();
    assert!(matches!(outcome, Outcome::Withdrawn));
}

#[tokio::test]
async fn a_response_that_cannot_be_read_is_no_approval() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    for (payload, status, notes, file) in [
        ("a", "'granted'", "''", "'a'"),
        ("b", "x'ff'", "''", "'b'"),
        ("c", "'approved'", "CAST(x'ff' AS TEXT)", "'c'"),
        ("d", "'approved'", "''", "x'00'"),
    ] {
        let mut hold = held(&queue, payload).await;
        let mut other = plain(fixture.queue_db()).await;
        let respond = format!(
            "INSERT INTO supervise_responses VALUES ('{}', {status}, {notes}, {file}, 0)",
            hold.id()
        );
        sql(&mut other, &respond).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(600), hold.outcome()).await;
        assert!(waited.is_err(), "{payload}: {waited:?}");
        // It is no late decision either.
        let Asked::Held(next) = queue.proposal_ask(ask(payload), NO_LIMITS).await.unwrap() else {
            panic!()
        };
        assert_ne!(next.id(), hold.id());
    }
}

#[tokio::test]
async fn a_thousand_calls_are_answered_by_one_commit() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let mut holds = Vec::new();
    for n in 0..1000 {
        holds.push(held(&queue, &n.to_string()).await);
    }
    let mut other = plain(fixture.queue_db()).await;
    let respond = "INSERT INTO supervise_responses SELECT id, 'approved', '', proposed_file, 0 FROM supervise_proposals";
    assert_eq!(sql(&mut other, respond).await.unwrap(), 1000);
    for (n, hold) in holds.iter_mut().enumerate() {
        let delivery = decided(hold).await;
        assert_eq!(delivery.answer().response.final_file, Some(n.to_string()));
        delivery.delivered();
    }
    assert_eq!(queue.proposal_undelivered().await.unwrap(), []);
}
