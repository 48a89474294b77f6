//! The six steps.

use supervise_core::Status;
use supervise_store::{DecisionError, Queue, State, Verdict, Withdrawal};

use crate::fixture::{Fixture, digest, held, plain, request, sql};

#[tokio::test]
async fn each_verdict_stores_what_the_tables_say() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let cases = [
        (Verdict::Approve, Status::Approved, Some("0")),
        (
            Verdict::Modify {
                final_file: "edited".into(),
            },
            Status::Modified,
            Some("edited"),
        ),
        (Verdict::Reject, Status::Rejected, None),
    ];
    for (n, (verdict, status, final_file)) in cases.into_iter().enumerate() {
        let hold = held(&queue, &n.to_string()).await;
        let decided = fixture.decide(hold.id(), verdict).await.unwrap();
        assert_eq!((decided.status, decided.audit_id), (status, n as i64 + 1));
        let found = queue.proposal_find(hold.id()).await.unwrap();
        let State::Decided(answer) = &found[0].state else {
            panic!()
        };
        assert_eq!(answer.response.final_file.as_deref(), final_file);
    }
}

#[tokio::test]
async fn a_decision_has_one_winner_and_the_other_is_told_who() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let hold = held(&queue, "x").await;
    fixture.decide(hold.id(), Verdict::Reject).await.unwrap();
    let error = fixture.decide(hold.id(), Verdict::Approve).await.unwrap_err();
    assert!(
        matches!(error, DecisionError::Already(Status::Rejected)),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_was_not_shown_is_not_decided() {
    let fixture = Fixture::new();
    let (queue, host) = (fixture.queue().await, fixture.host().await);
    let (shown, other) = (held(&queue, "shown").await, held(&queue, "other").await);
    let wrong = digest(&queue, other.id()).await;
    let lock = host.bottle_lock(&fixture.slug).await.unwrap();
    let claim = host
        .decision_claim(lock, &queue, request(shown.id(), wrong, Verdict::Approve))
        .await;
    let Err(DecisionError::Changed { found }) = claim else {
        panic!("{claim:?}")
    };
    assert_eq!(found.proposed_file, "shown");
    assert!(!queue.proposal_page().await.unwrap().claimed);
}

#[tokio::test]
async fn from_the_claim_on_everybody_else_is_refused() {
    let fixture = Fixture::new();
    let (queue, host) = (fixture.queue().await, fixture.host().await);
    let hold = held(&queue, "x").await;
    let lock = host.bottle_lock(&fixture.slug).await.unwrap();
    let seen = digest(&queue, hold.id()).await;
    let operators = Queue::open(&fixture.queue_dir(), &fixture.slug).await.unwrap();
    let claimed = host
        .decision_claim(lock, &operators, request(hold.id(), seen, Verdict::Approve))
        .await
        .unwrap();
    assert!(host.bottle_try_lock(&fixture.slug).unwrap().is_none());
    assert!(matches!(
        queue.proposal_withdraw(hold.id()).await.unwrap(),
        Withdrawal::BeingDecided
    ));
    let mut other = plain(fixture.queue_db()).await;
    let respond = format!(
        "INSERT OR REPLACE INTO supervise_responses VALUES ('{}', 'rejected', '', NULL, 0)",
        hold.id()
    );
    assert!(
        sql(&mut other, &respond)
            .await
            .unwrap_err()
            .contains("being decided")
    );
    let archive = "UPDATE supervise_proposals SET archived = 1";
    assert!(
        sql(&mut other, archive)
            .await
            .unwrap_err()
            .contains("being decided")
    );
    claimed
        .intend(String::new(), None)
        .await
        .unwrap()
        .audit(true)
        .await
        .unwrap()
        .answer()
        .await
        .unwrap();
    assert!(
        sql(&mut other, &respond)
            .await
            .unwrap_err()
            .contains("already answered")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_operators_leave_one_winner_and_one_entry_each() {
    let fixture = std::sync::Arc::new(Fixture::new());
    let queue = fixture.queue().await;
    for n in 0..10 {
        let id = held(&queue, &n.to_string()).await.id().to_owned();
        let races: Vec<_> = (0..4)
            .map(|racer| {
                let (fixture, id) = (fixture.clone(), id.clone());
                let verdict = if racer % 2 == 0 {
                    Verdict::Approve
                } else {
                    Verdict::Reject
                };
                tokio::spawn(async move { fixture.decide(&id, verdict).await })
            })
            .collect();
        let mut winners = Vec::new();
        let mut losers = Vec::new();
        for race in races {
            match race.await.unwrap() {
                Ok(decided) => winners.push(decided.status),
                Err(DecisionError::Already(status)) => losers.push(status),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!((winners.len(), losers.len()), (1, 3));
        assert!(losers.iter().all(|status| *status == winners[0]));
    }
    let entries = fixture
        .host()
        .await
        .audit_page(&Default::default())
        .await
        .unwrap();
    assert_eq!(entries.len(), 10);
}
