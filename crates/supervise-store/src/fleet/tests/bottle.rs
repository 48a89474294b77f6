//! A bottle's line.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use supervise_core::Status;
use tokio::time::timeout;
use uuid::Uuid;

use super::scene::{Scene, approved, decide, dev, given, id, proposal};
use crate::error::StoreError;
use crate::fleet::bottle::BottleLine;
use crate::fleet::cluster::{run, slug};
use crate::line::{Note, Withdrawing};

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_what_is_published_is_loaded() {
    let scene = Scene::set().await;
    let (mut line, mut operator) = (scene.bottle().await, scene.operator().await);
    let (open, taken, answered) = (proposal("a"), proposal("b"), proposal("c\0"));
    let joined = Note::Joined {
        id: id(&open),
        count: 3,
    };
    let notes = [
        Note::Proposed(open.clone()),
        Note::Proposed(taken.clone()),
        Note::Proposed(answered.clone()),
        joined.clone(),
        Note::TimedOut(id(&open)),
        Note::Withdrawn(id(&taken)),
    ];
    // Told twice, stored once.
    line.publish(&notes).await.unwrap();
    line.publish(&notes).await.unwrap();
    decide(&mut operator, &answered, Status::Rejected).await;
    operator.reopen(&dev(), id(&answered)).await.unwrap();
    line.publish(&[Note::Delivered(id(&answered))]).await.unwrap();
    let loaded = scene.bottle().await.load().await.unwrap();
    let at = |note: &Note| {
        loaded
            .iter()
            .position(|other| other == note)
            .unwrap_or_else(|| panic!("{note:?} {loaded:?}"))
    };
    assert!(at(&Note::Proposed(open.clone())) < at(&joined));
    at(&Note::TimedOut(id(&open)));
    assert!(at(&Note::Proposed(taken.clone())) < at(&Note::Withdrawn(id(&taken))));
    let answers = loaded
        .iter()
        .position(|note| matches!(note, Note::Answered(_)))
        .unwrap();
    assert!(answers < at(&Note::Reopened(id(&answered))));
    assert!(answers < at(&Note::Delivered(id(&answered))));
    assert_eq!(loaded.len(), 9, "{loaded:?}");
    assert_eq!(operator.load(&dev()).await.unwrap(), loaded);
    // What was loaded is no news.
    let mut line = scene.bottle().await;
    line.load().await.unwrap();
    assert_eq!(line.news().await.unwrap(), []);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_all_of_a_batch_is_stored_or_nothing() {
    let scene = Scene::set().await;
    let mut line = scene.bottle().await;
    let first = proposal("a");
    line.publish(&[Note::Proposed(first.clone())]).await.unwrap();
    let mut changed = first.clone();
    changed.proposed_file = "b".to_owned();
    let batch = [
        Note::Proposed(proposal("c")),
        Note::Proposed(changed),
        Note::TimedOut(id(&first)),
    ];
    let refused = line.publish(&batch).await;
    assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
    assert_eq!(line.load().await.unwrap(), [Note::Proposed(first)]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_news_are_heard_once_and_hinted() {
    let scene = Scene::set().await;
    let (mut line, mut operator) = (scene.bottle().await, scene.operator().await);
    line.load().await.unwrap();
    let first = proposal("a");
    line.publish(&[Note::Proposed(first.clone())]).await.unwrap();
    assert_eq!(line.news().await.unwrap(), []);
    // Whoever doesn't wait doesn't listen, and would poll more often.
    assert!(line.poll_every() < Duration::from_millis(800));
    let first_hint = timeout(Duration::from_secs(5), line.hinted()).await;
    assert!(first_hint.is_ok() && line.poll_every() >= Duration::from_millis(800));
    assert!(timeout(Duration::from_millis(200), line.hinted()).await.is_err());
    let submitted = proposal("from the host");
    operator.submit(&submitted).await.unwrap();
    operator.submit(&submitted).await.unwrap();
    decide(&mut operator, &first, Status::Approved).await;
    timeout(Duration::from_secs(5), line.hinted())
        .await
        .expect("a hint");
    let answered = match &line.news().await.unwrap()[..] {
        [Note::Proposed(found), Note::Answered(answered)] if *found == submitted => answered.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(*answered, approved(&first));
    // Three things were said, so one more hint may be on its way; it tells nothing new.
    let mut more = 0;
    while timeout(Duration::from_millis(300), line.hinted()).await.is_ok() {
        assert_eq!(line.news().await.unwrap(), []);
        more += 1;
        assert!(more <= 3);
    }
    line.rest().await;
    assert!(line.poll_every() < Duration::from_millis(800));
    let listening = "SELECT 1 FROM pg_stat_activity WHERE query = 'UNLISTEN *'";
    assert_eq!(run(&mut scene.cluster.admin_sql().await, listening).await, Ok(1));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_hints_come_again_after_a_rest_that_was_given_up() {
    let scene = Scene::set().await;
    let (mut line, mut operator) = (scene.bottle().await, scene.operator().await);
    line.load().await.unwrap();
    let hint = async |line: &mut BottleLine| timeout(Duration::from_secs(5), line.hinted()).await;
    hint(&mut line).await.expect("the first hint");
    {
        // A job comes while the rest is on its way.
        let mut rest = pin!(line.rest());
        // The server may have answered by then, on a machine that takes its time.
        let _ = poll_fn(|context| Poll::Ready(rest.as_mut().poll(context))).await;
    }
    hint(&mut line).await.expect("the first hint behind a rest");
    operator.submit(&proposal("from the host")).await.unwrap();
    hint(&mut line).await.expect("a hint");
    assert_eq!(line.news().await.unwrap().len(), 1);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_withdrawal_and_a_claim_have_one_winner() {
    let scene = Scene::set().await;
    let (mut line, mut operator) = (scene.bottle().await, scene.operator().await);
    let mut other = scene.bottle().await;
    let first = proposal("a");
    line.publish(&[Note::Proposed(first.clone())]).await.unwrap();
    other.load().await.unwrap();
    operator.claim(&dev(), id(&first), first.digest()).await.unwrap();
    assert_eq!(
        line.withdraw(id(&first)).await.unwrap(),
        Withdrawing::BeingDecided
    );
    let batch = line.publish(&[Note::Withdrawn(id(&first))]).await;
    assert!(matches!(batch, Err(StoreError::Denied(_))), "{batch:?}");
    operator.release(id(&first)).await.unwrap();
    assert_eq!(line.withdraw(id(&first)).await.unwrap(), Withdrawing::Withdrawn);
    assert_eq!(line.withdraw(id(&first)).await.unwrap(), Withdrawing::Withdrawn);
    // The other process of the bottle hears of it, the one that did it doesn't.
    assert_eq!(other.news().await.unwrap(), [Note::Withdrawn(id(&first))]);
    assert_eq!(line.news().await.unwrap(), []);
    let second = proposal("b");
    line.publish(&[Note::Proposed(second.clone())]).await.unwrap();
    decide(&mut operator, &second, Status::Rejected).await;
    assert_eq!(line.withdraw(id(&second)).await.unwrap(), Withdrawing::Decided);
    assert_eq!(
        line.withdraw(Uuid::new_v4()).await.unwrap(),
        Withdrawing::Withdrawn
    );
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_another_bottle_s_role_is_refused() {
    let scene = Scene::set().await;
    let refused = BottleLine::connect(&scene.dev, &slug("other")).await.err();
    assert!(matches!(refused, Some(StoreError::Denied(_))), "{refused:?}");
    let refused = BottleLine::connect(&scene.operator, &dev()).await.err();
    assert!(matches!(refused, Some(StoreError::Denied(_))), "{refused:?}");
}

/// Not judged: what it takes depends on the machine.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_from_the_decision_to_the_bottle() {
    let scene = Scene::set().await;
    let (mut line, mut operator) = (scene.bottle().await, scene.operator().await);
    line.load().await.unwrap();
    let mut publishing = Vec::new();
    let mut hearing = Vec::new();
    for n in 0..200 {
        let one = proposal(&n.to_string());
        let start = Instant::now();
        line.publish(&[Note::Proposed(one.clone())]).await.unwrap();
        publishing.push(start.elapsed());
        operator.claim(&dev(), id(&one), one.digest()).await.unwrap();
        let record = super::scene::record(&one, "approved", "ada");
        let waiting = async {
            loop {
                line.hinted().await;
                if let [Note::Answered(_)] = &line.news().await.unwrap()[..] {
                    return Instant::now();
                }
            }
        };
        let deciding = async {
            operator
                .answer(&dev(), &given(&one, Status::Approved), &record)
                .await
                .unwrap();
            Instant::now()
        };
        let (heard, decided) = tokio::join!(waiting, deciding);
        hearing.push(heard.saturating_duration_since(decided));
    }
    for (what, mut times) in [
        ("publish", publishing),
        ("decision to news, after its return", hearing),
    ] {
        times.sort();
        println!("{what}: p50 {:?} p99 {:?}", times[100], times[198]);
    }
}
