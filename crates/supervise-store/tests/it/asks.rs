//! Asking, joining, limits, checking and withdrawing.

use supervise_core::{Ask, Proposal, Status, Tool};
use supervise_store::{Asked, Checked, Limit, Limits, Outcome, Queue, Verdict, Withdrawal};
use uuid::Uuid;

use crate::fixture::{Fixture, NO_LIMITS, ask, decided, digest, held, plain, request, sql};

#[tokio::test]
async fn an_identical_ask_joins_under_either_name() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let first = held(&queue, "x").await;
    let second = held(&queue, "x").await;
    let older = Ask {
        tool: Tool::EgressBlock,
        ..ask("x")
    };
    let Asked::Held(third) = queue.proposal_ask(older, NO_LIMITS).await.unwrap() else {
        panic!()
    };
    let other = held(&queue, "y").await;
    let capability = Ask {
        tool: Tool::CapabilityBlock,
        ..ask("x")
    };
    let Asked::Held(image) = queue.proposal_ask(capability, NO_LIMITS).await.unwrap() else {
        panic!()
    };
    assert_eq!(first.id(), second.id());
    assert_eq!(first.id(), third.id());
    assert_ne!(first.id(), other.id());
    assert_ne!(first.id(), image.id());
    let page = queue.proposal_page().await.unwrap();
    let joined: Vec<u64> = page.proposals.iter().map(|listed| listed.joined).collect();
    assert_eq!(joined, [2, 0, 0]);
}

#[tokio::test]
async fn a_proposal_has_timed_out_once_nobody_waits_for_it() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let timed_out = async || {
        // Jobs run in order, so this sees what was written later.
        let page = queue.proposal_page().await.unwrap();
        let all: Vec<bool> = page.proposals.iter().map(|listed| listed.timed_out).collect();
        let found = queue.proposal_find(&page.proposals[0].proposal.id).await.unwrap();
        assert_eq!(found[0].listed.timed_out, all[0]);
        all
    };
    let (first, second, other) = (
        held(&queue, "x").await,
        held(&queue, "x").await,
        held(&queue, "y").await,
    );
    first.time_out();
    assert_eq!(timed_out().await, [false, false]);
    second.time_out();
    assert_eq!(timed_out().await, [true, false]);
    // A caller that leaves says nothing of time.
    drop(other);
    // Once is enough: whoever asks again and again writes nothing more.
    let path = fixture.root.queue_db(queue.slug());
    let mut connection = plain(path).await;
    sql(
        &mut connection,
        "UPDATE supervise_timeouts SET timed_out_at = 'then'",
    )
    .await
    .unwrap();
    held(&queue, "x").await.time_out();
    assert_eq!(timed_out().await, [true, false]);
    let kept = sql(
        &mut connection,
        "DELETE FROM supervise_timeouts WHERE timed_out_at = 'then'",
    )
    .await;
    assert_eq!(kept, Ok(1));
}

#[tokio::test]
async fn a_late_decision_answers_the_next_identical_ask_once() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let hold = held(&queue, "x").await;
    let id = hold.id().to_owned();
    drop(hold);
    fixture.decide(&id, Verdict::Approve).await.unwrap();
    let Asked::Decided(delivery) = queue.proposal_ask(ask("x"), NO_LIMITS).await.unwrap() else {
        panic!()
    };
    assert_eq!(delivery.answer().response.proposal_id, id);
    assert_eq!(delivery.answer().applied, Some(false));
    // While it is on its way another ask is a new question …
    let new = held(&queue, "x").await;
    assert_ne!(new.id(), id);
    assert!(matches!(
        queue.proposal_withdraw(new.id()).await.unwrap(),
        Withdrawal::Withdrawn
    ));
    // … if it never arrives it is there for the next …
    drop(delivery);
    let Asked::Decided(delivery) = queue.proposal_ask(ask("x"), NO_LIMITS).await.unwrap() else {
        panic!()
    };
    // … and once it has arrived it is used up.
    delivery.delivered();
    assert_ne!(held(&queue, "x").await.id(), id);
    let Checked::Decided(again) = queue.proposal_check(&id).await.unwrap() else {
        panic!()
    };
    assert_eq!(again.answer().response.status, Status::Approved);
}

#[tokio::test]
async fn limits_refuse_and_joins_count_towards_none() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let pending = Limits {
        max_pending: 1,
        ..NO_LIMITS
    };
    let rate = Limits {
        max_per_minute: 2,
        ..NO_LIMITS
    };
    let bytes = Limits {
        max_queue_bytes: 200_000,
        ..NO_LIMITS
    };
    let first = queue.proposal_ask(ask("1"), pending).await.unwrap();
    assert!(matches!(first, Asked::Held(_)));
    assert!(matches!(
        queue.proposal_ask(ask("1"), pending).await.unwrap(),
        Asked::Held(_)
    ));
    assert!(matches!(
        queue.proposal_ask(ask("2"), pending).await.unwrap(),
        Asked::Refused(Limit::Pending(1))
    ));
    assert!(matches!(
        queue.proposal_ask(ask("3"), rate).await.unwrap(),
        Asked::Held(_)
    ));
    assert!(matches!(
        queue.proposal_ask(ask("4"), rate).await.unwrap(),
        Asked::Held(_)
    ));
    assert!(matches!(
        queue.proposal_ask(ask("4"), rate).await.unwrap(),
        Asked::Held(_)
    ));
    assert!(matches!(
        queue.proposal_ask(ask("5"), rate).await.unwrap(),
        Asked::Refused(Limit::PerMinute(2))
    ));
    let large = "x".repeat(200_000);
    assert!(matches!(
        queue.proposal_ask(ask(&large), bytes).await.unwrap(),
        Asked::Refused(Limit::QueueBytes(200_000))
    ));
    assert_eq!(queue.proposal_page().await.unwrap().total, 3);
}

#[tokio::test]
async fn daemons_proposals_count_towards_no_limit_and_agents_cannot_see_them() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let daemon = supervise_core::Proposal::new(&fixture.slug, Tool::GitleaksAllow, "x", "a finding");
    queue.proposal_submit(daemon.clone()).await.unwrap();
    let limits = Limits {
        max_pending: 1,
        ..NO_LIMITS
    };
    assert!(matches!(
        queue.proposal_ask(ask("1"), limits).await.unwrap(),
        Asked::Held(_)
    ));
    assert!(matches!(
        queue.proposal_check(&daemon.id).await.unwrap(),
        Checked::Unknown
    ));
    assert!(matches!(
        queue.proposal_withdraw(&daemon.id).await.unwrap(),
        Withdrawal::Unknown
    ));
    assert!(matches!(
        queue.proposal_wait(&daemon.id).await.unwrap(),
        Checked::Held(_)
    ));
    assert_eq!(queue.proposal_undelivered().await.unwrap().len(), 1);
}

#[tokio::test]
async fn withdrawing_ends_every_hold_and_only_once_undecided() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let (mut one, mut two) = (held(&queue, "x").await, held(&queue, "x").await);
    let id = one.id().to_owned();
    assert!(matches!(
        queue.proposal_withdraw(&id).await.unwrap(),
        Withdrawal::Withdrawn
    ));
    assert!(matches!(one.outcome().await, Outcome::Withdrawn));
    assert!(matches!(two.outcome().await, Outcome::Withdrawn));
    assert!(matches!(
        queue.proposal_check(&id).await.unwrap(),
        Checked::Withdrawn
    ));
    assert!(matches!(
        queue.proposal_withdraw(&id).await.unwrap(),
        Withdrawal::Withdrawn
    ));
    let error = fixture.decide(&id, Verdict::Approve).await.unwrap_err();
    assert_eq!(error.to_string(), "already withdrawn");
    let hold = held(&queue, "y").await;
    fixture.decide(hold.id(), Verdict::Reject).await.unwrap();
    let Withdrawal::Decided(late) = queue.proposal_withdraw(hold.id()).await.unwrap() else {
        panic!()
    };
    assert_eq!(late.answer().response.status, Status::Rejected);
    for unknown in [
        "",
        "x",
        "00000000-0000-4000-8000-000000000000",
        &hold.id().to_uppercase(),
    ] {
        assert!(
            matches!(
                queue.proposal_withdraw(unknown).await.unwrap(),
                Withdrawal::Unknown
            ),
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn a_cancel_withdraws_only_what_nobody_else_knows_of() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let alone = held(&queue, "alone").await;
    let told = held(&queue, "told").await;
    told.tell();
    let shared = held(&queue, "shared").await;
    let joiner = held(&queue, "shared").await;
    let listed = held(&queue, "listed").await;
    assert_eq!(queue.proposal_undelivered().await.unwrap().len(), 4);
    let quiet = held(&queue, "quiet").await;
    let ids: Vec<String> = [&alone, &told, &shared, &listed, &quiet]
        .iter()
        .map(|hold| hold.id().to_owned())
        .collect();
    joiner.cancel();
    for hold in [told, shared, listed, quiet] {
        hold.cancel();
    }
    drop(alone);
    let mut pending = Vec::new();
    for id in &ids {
        pending.push(matches!(
            queue.proposal_check(id).await.unwrap(),
            Checked::Held(_)
        ));
    }
    assert_eq!(pending, [true, true, true, true, false]);
}

#[tokio::test]
async fn a_restart_finds_what_was_pending() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let id = held(&queue, "x").await.id().to_owned();
    queue.close().await;
    let queue = fixture.queue().await;
    let mut again = held(&queue, "x").await;
    assert_eq!(again.id(), id);
    fixture
        .decide(
            &id,
            Verdict::Modify {
                final_file: "z".into(),
            },
        )
        .await
        .unwrap();
    let delivery = decided(&mut again).await;
    assert_eq!(delivery.answer().response.final_file.as_deref(), Some("z"));
}

#[tokio::test]
async fn withdrawn_rows_go_after_an_hour() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let (old, young) = (held(&queue, "old").await, held(&queue, "young").await);
    for hold in [&old, &young] {
        queue.proposal_withdraw(hold.id()).await.unwrap();
    }
    let mut other = plain(fixture.queue_db()).await;
    let backdate = format!(
        "UPDATE supervise_withdrawals SET withdrawn_at = '2026-01-01' WHERE proposal_id = '{}'",
        old.id()
    );
    sql(&mut other, &backdate).await.unwrap();
    let again = Queue::create(&fixture.queue_dir(), &fixture.slug).await.unwrap();
    assert!(matches!(
        again.proposal_check(old.id()).await.unwrap(),
        Checked::Unknown
    ));
    assert!(matches!(
        again.proposal_check(young.id()).await.unwrap(),
        Checked::Withdrawn
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_at_once_are_all_stored() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let asks = (0..500).map(|n| {
        let queue = queue.clone();
        tokio::spawn(async move { held(&queue, &n.to_string()).await })
    });
    let mut holds = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        holds.push(ask.await.unwrap());
    }
    assert_eq!(queue.proposal_page().await.unwrap().total, 500);
}

/// A daemon may send an exception again under its old id, whose rows were cleaned up meanwhile.
#[tokio::test]
async fn a_late_delivery_leaves_another_proposal_of_the_same_id_alone() {
    for claimed in [false, true] {
        let fixture = Fixture::new();
        let queue = fixture.queue().await;
        let mut plain = plain(fixture.queue_db()).await;
        let mut deliveries = Vec::new();
        for payload in ["late", "other"] {
            let mut hold = held(&queue, payload).await;
            fixture.decide(hold.id(), Verdict::Reject).await.unwrap();
            deliveries.push(decided(&mut hold).await);
        }
        let ids: Vec<String> = deliveries
            .iter()
            .map(|delivery| delivery.answer().response.proposal_id.clone())
            .collect();
        for (table, column) in [
            ("supervise_proposals", "id"),
            ("supervise_responses", "proposal_id"),
        ] {
            let late = format!("WHERE {column} = '{}'", ids[0]);
            sql(&mut plain, &format!("UPDATE {table} SET archived = 1 {late}"))
                .await
                .unwrap();
            sql(&mut plain, &format!("DELETE FROM {table} {late}"))
                .await
                .unwrap();
        }
        let again = Proposal::new(&fixture.slug, Tool::GitleaksAllow, "again", "found")
            .with_id(Uuid::parse_str(&ids[0]).unwrap());
        queue.proposal_submit(again).await.unwrap();
        let host = fixture.host().await;
        let _claimed = if claimed {
            let lock = host.bottle_lock(&fixture.slug).await.unwrap();
            let request = request(&ids[0], digest(&queue, &ids[0]).await, Verdict::Approve);
            Some(host.decision_claim(lock, &queue, request).await.unwrap())
        } else {
            None
        };

        deliveries.into_iter().for_each(|delivery| delivery.delivered());
        queue.check_health().await.unwrap();
        let open = sql(
            &mut plain,
            "UPDATE supervise_proposals SET archived = archived WHERE archived = 0",
        );
        assert_eq!(open.await, Ok(1), "{claimed}");
        let pending = queue.proposal_page().await.unwrap().proposals;
        let pending: Vec<&str> = pending.iter().map(|listed| listed.proposal.id.as_str()).collect();
        assert_eq!(pending, [ids[0].as_str()], "{claimed}");
    }
}
