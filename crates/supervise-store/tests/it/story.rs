//! The one story that a queue of every kind has to tell: what a bottle and its operator may count on, whatever lies
//! between them.

mod scene;

use std::time::Duration;

use supervise_core::Status;
use supervise_store::{
    Asked, Backend, Checked, DecisionError, Hold, Outcome, Queue, State, Sticky, Verdict, Withdrawal,
};

use crate::fixture::{NO_LIMITS, ask, decided, held, plain, sql};
pub(crate) use scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_tells_the_story() {
    tell(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_tell_the_story() {
    tell(Backend::Files).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn postgres_tells_the_story() {
    use crate::fleet::cluster::{Cluster, slug};
    let cluster = Cluster::start().await;
    let (mut admin, operator) = cluster.fleet().await;
    let mut scenes = Vec::new();
    for n in 0..STORIES {
        let slug = slug(&format!("bottle-{n}"));
        let bottle = admin.bottle_add(&slug).await.unwrap();
        scenes.push(Scene::in_fleet(&slug, bottle, &operator));
    }
    tell_in(scenes).await;
}

/// Each story has a bottle of its own.
const STORIES: usize = 8;

async fn tell(backend: Backend) {
    tell_in((0..STORIES).map(|_| Scene::new(backend)).collect()).await;
    another_program_decides(&Scene::new(backend)).await;
}

async fn tell_in(scenes: Vec<Scene>) {
    let [one, two, three, four, five, six, seven, eight] = &scenes[..] else {
        panic!("{} scenes", scenes.len())
    };
    open_join_list_and_decide(one).await;
    every_verdict_arrives_whole(two).await;
    a_race_has_one_winner(three).await;
    withdrawn_is_withdrawn(four).await;
    claimed_is_no_longer_withdrawn(five).await;
    a_restart_loses_nothing(six).await;
    what_was_audited_is_answered(six).await;
    a_refusal_sticks_until_it_is_lifted(seven).await;
    a_daemon_on_the_host_asks(eight).await;
}

async fn open_join_list_and_decide(scene: &Scene) {
    let bottle = scene.bottle().await;
    let mut first = held(&bottle, "x").await;
    let mut joined = held(&bottle, "x").await;
    let other = held(&bottle, "y").await;
    assert_eq!(first.id(), joined.id());
    assert!(joined.has_joined() && !first.has_joined());

    let page = Queue::page_at(&scene.place).await.unwrap();
    let listed: Vec<_> = page
        .proposals
        .iter()
        .map(|one| one.proposal.id.as_str())
        .collect();
    assert_eq!(listed, [first.id(), other.id()]);
    assert_eq!(page.proposals[0].joined, 1);
    assert_eq!(page.proposals[0].proposal.justification, "because");
    assert_eq!((page.total, page.claimed, page.hidden.len()), (2, false, 0));

    let outcome = scene.decide(first.id(), Verdict::Approve).await.unwrap();
    assert_eq!(outcome.status, Status::Approved);
    for hold in [&mut first, &mut joined] {
        let delivery = decided(hold).await;
        assert_eq!(delivery.answer().response.final_file.as_deref(), Some("x"));
        assert_eq!(delivery.answer().applied, Some(false));
        delivery.delivered();
    }
    // Archived on both sides: a new ask is a new question, and the operator sees only what is pending.
    assert_eq!(bottle.proposal_undelivered().await.unwrap().len(), 1);
    let again = held(&bottle, "x").await;
    assert_ne!(again.id(), first.id());
    scene.until_pending(&[other.id(), again.id()]).await;
    assert!(matches!(
        scene.decide(first.id(), Verdict::Reject).await,
        Err(DecisionError::Already(Status::Approved))
    ));
}

async fn every_verdict_arrives_whole(scene: &Scene) {
    let bottle = scene.bottle().await;
    let odd = "\u{1b}[2J\u{0}\u{202e}\r\n\"'\\é".repeat(100);
    let modify = Verdict::Modify {
        final_file: odd.clone(),
    };
    for (payload, verdict, status, file) in [
        ("a".to_owned(), Verdict::Reject, Status::Rejected, None),
        (odd.clone(), Verdict::Approve, Status::Approved, Some(odd.clone())),
        ("m".to_owned(), modify, Status::Modified, Some(odd)),
    ] {
        let mut hold = held(&bottle, &payload).await;
        scene.decide(hold.id(), verdict).await.unwrap();
        let delivery = decided(&mut hold).await;
        let response = &delivery.answer().response;
        assert_eq!((response.status, &response.final_file), (status, &file));
        assert_eq!(response.notes, "fine");
        // Not delivered: the next identical ask gets it, once.
        drop((delivery, hold));
        let Asked::Decided(late) = bottle.proposal_ask(ask(&payload), NO_LIMITS).await.unwrap() else {
            panic!("no late decision")
        };
        assert_eq!(late.answer().response.status, status);
        late.delivered();
        assert!(matches!(
            bottle.proposal_ask(ask(&payload), NO_LIMITS).await.unwrap(),
            Asked::Held(_)
        ));
    }
}

async fn a_race_has_one_winner(scene: &Scene) {
    let bottle = scene.bottle().await;
    for n in 0..10 {
        let mut hold = held(&bottle, &n.to_string()).await;
        let (one, two) = tokio::join!(
            scene.decide(hold.id(), Verdict::Approve),
            scene.decide(hold.id(), Verdict::Reject)
        );
        let won = match (&one, &two) {
            (Ok(won), Err(DecisionError::Already(status)))
            | (Err(DecisionError::Already(status)), Ok(won)) => {
                assert_eq!(won.status, *status);
                won.status
            }
            other => panic!("{other:?}"),
        };
        let delivery = decided(&mut hold).await;
        assert_eq!(delivery.answer().response.status, won);
        delivery.delivered();
    }
}

async fn withdrawn_is_withdrawn(scene: &Scene) {
    let bottle = scene.bottle().await;
    let (mut hold, mut joined) = (held(&bottle, "x").await, held(&bottle, "x").await);
    scene.until_pending(&[hold.id()]).await;
    assert!(matches!(
        bottle.proposal_withdraw(hold.id()).await.unwrap(),
        Withdrawal::Withdrawn
    ));
    for hold in [&mut hold, &mut joined] {
        assert!(matches!(ended(hold).await, Outcome::Withdrawn));
    }
    assert!(matches!(
        scene.decide(hold.id(), Verdict::Approve).await,
        Err(DecisionError::Withdrawn)
    ));
    scene.until_pending(&[]).await;
    assert!(matches!(
        bottle.proposal_check(hold.id()).await.unwrap(),
        Checked::Withdrawn
    ));
}

async fn claimed_is_no_longer_withdrawn(scene: &Scene) {
    let bottle = scene.bottle().await;
    let mut hold = held(&bottle, "x").await;
    let claimed = scene.claim(hold.id(), Verdict::Approve).await.unwrap();
    assert!(matches!(
        bottle.proposal_withdraw(hold.id()).await.unwrap(),
        Withdrawal::BeingDecided
    ));
    claimed.release().await.unwrap();
    scene.until_pending(&[hold.id()]).await;
    let claimed = scene.claim(hold.id(), Verdict::Approve).await.unwrap();
    let intended = claimed.intend("diff".to_owned(), None).await.unwrap();
    assert!(matches!(
        bottle.proposal_withdraw(hold.id()).await.unwrap(),
        Withdrawal::BeingDecided
    ));
    intended.audit(true).await.unwrap().answer().await.unwrap();
    assert_eq!(decided(&mut hold).await.answer().applied, Some(true));
    assert!(matches!(
        bottle.proposal_withdraw(hold.id()).await.unwrap(),
        Withdrawal::Decided(_)
    ));
}

async fn a_restart_loses_nothing(scene: &Scene) {
    let bottle = scene.bottle().await;
    let (pending, waiting) = (
        id_of(&held(&bottle, "pending").await),
        id_of(&held(&bottle, "waiting").await),
    );
    let gone = id_of(&held(&bottle, "gone").await);
    let joined = held(&bottle, "pending").await;
    scene.decide(&gone, Verdict::Approve).await.unwrap();
    let delivered = held(&bottle, "delivered").await;
    scene.decide(delivered.id(), Verdict::Approve).await.unwrap();
    let mut delivered = delivered;
    decided(&mut delivered).await.delivered();
    bottle.proposal_withdraw(&waiting).await.unwrap();
    drop(joined);
    bottle.close().await;

    let bottle = scene.bottle().await;
    let found: Vec<_> = bottle.proposal_undelivered().await.unwrap();
    let found: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.status)).collect();
    assert_eq!(
        found,
        [(pending.as_str(), None), (gone.as_str(), Some(Status::Approved))]
    );
    let mut hold = held(&bottle, "pending").await;
    assert_eq!(hold.id(), pending);
    scene.until_pending(&[&pending]).await;
    assert_eq!(Queue::page_at(&scene.place).await.unwrap().proposals[0].joined, 2);
    scene.decide(&pending, Verdict::Approve).await.unwrap();
    decided(&mut hold).await.delivered();
    assert!(matches!(
        bottle.proposal_check(&waiting).await.unwrap(),
        Checked::Withdrawn
    ));
    assert!(matches!(
        bottle.proposal_check(delivered.id()).await.unwrap(),
        Checked::Decided(_)
    ));
    let late = bottle.proposal_ask(ask("gone"), NO_LIMITS).await.unwrap();
    assert!(matches!(late, Asked::Decided(_)), "{late:?}");
}

/// The operator's program dies between the audit and the answer, with the effect in force.
async fn what_was_audited_is_answered(scene: &Scene) {
    let bottle = scene.bottle().await;
    let mut hold = held(&bottle, "audited").await;
    let id = id_of(&hold);
    scene.until_pending(&[&id]).await;
    let claimed = scene.claim(&id, Verdict::Approve).await.unwrap();
    let intended = claimed
        .intend("the diff".into(), Some("a change".into()))
        .await
        .unwrap();
    drop(intended.audit(true).await.unwrap());
    assert_eq!(scene.recover().await, [id]);
    let Outcome::Decided(delivery) = ended(&mut hold).await else {
        panic!("not decided")
    };
    let answer = delivery.answer();
    assert_eq!(
        (answer.response.status, answer.applied),
        (Status::Approved, Some(true))
    );
    delivery.delivered();
    scene.until_pending(&[]).await;
}

async fn a_refusal_sticks_until_it_is_lifted(scene: &Scene) {
    let bottle = scene.bottle().await;
    let mut hold = held(&bottle, "x").await;
    let hour = Sticky::from_seconds(3600).unwrap();
    let id = id_of(&hold);
    scene.decide_sticking(&id, Verdict::Reject, hour).await.unwrap();
    decided(&mut hold).await.delivered();
    let bottle = {
        let Asked::RefusedBefore(refusal) = bottle.proposal_ask(ask("x"), NO_LIMITS).await.unwrap() else {
            panic!("not refused")
        };
        assert_eq!(
            (refusal.id.as_str(), refusal.notes.as_str()),
            (id.as_str(), "fine")
        );
        bottle.close().await;
        scene.bottle().await
    };
    assert!(matches!(
        bottle.proposal_ask(ask("x"), NO_LIMITS).await.unwrap(),
        Asked::RefusedBefore(_)
    ));
    assert!(scene.lift(&id).await.is_some());
    assert!(matches!(
        bottle.proposal_ask(ask("x"), NO_LIMITS).await.unwrap(),
        Asked::Held(_)
    ));
    bottle.close().await;
    let bottle = scene.bottle().await;
    assert!(held(&bottle, "x").await.has_joined());
}

async fn another_program_decides(scene: &Scene) {
    let bottle = scene.bottle().await;
    let mut hold = held(&bottle, "x").await;
    scene.until_pending(&[hold.id()]).await;
    let mut other = plain(scene.place.database()).await;
    let respond = format!(
        "INSERT INTO supervise_responses VALUES ('{}', 'rejected', 'no', NULL, 0)",
        hold.id()
    );
    sql(&mut other, &respond).await.unwrap();
    // Where the bottle doesn't see that database, whoever looks next on the host tells it.
    scene.until_pending(&[]).await;
    let delivery = decided(&mut hold).await;
    assert_eq!(delivery.answer().response.notes, "no");
    assert_eq!(delivery.answer().applied, None);
}

async fn a_daemon_on_the_host_asks(scene: &Scene) {
    let bottle = scene.bottle().await;
    let operator = scene.operator().await;
    let proposal = supervise_core::Proposal::new(
        &scene.place.slug,
        supervise_core::Tool::GitleaksAllow,
        "finding",
        "a test key",
    );
    let id = proposal.id.clone();
    operator.proposal_submit(proposal).await.unwrap();
    let Checked::Held(mut hold) = operator.proposal_wait(&id).await.unwrap() else {
        panic!("not held")
    };
    scene.until_pending(&[&id]).await;
    scene.decide(&id, Verdict::Approve).await.unwrap();
    decided(&mut hold).await.delivered();
    // No agent may ask for it.
    assert!(matches!(
        bottle.proposal_check(&id).await.unwrap(),
        Checked::Unknown
    ));
    scene.until_pending(&[]).await;
    let found = scene.operator().await.proposal_find(&id).await.unwrap();
    assert!(matches!(found[0].state, State::Decided(_)));
}

fn id_of(hold: &Hold) -> String {
    hold.id().to_owned()
}

async fn ended(hold: &mut Hold) -> Outcome {
    tokio::time::timeout(Duration::from_secs(10), hold.outcome())
        .await
        .expect("an end")
}
