//! The operators' line.

use supervise_core::{Digest, Status};
use time::OffsetDateTime;

use super::scene::{Scene, approved, decide, dev, id, proposal, record};
use crate::audit::{AuditFilter, AuditOrder};
use crate::fleet::answer::Answering;
use crate::fleet::cluster::{run, slug};
use crate::line::{Claiming, Note};
use crate::verify::Wrong;

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_two_operators_race_and_one_wins() {
    let scene = Scene::set().await;
    let mut line = scene.bottle().await;
    let (mut ada, mut bob) = (scene.operator().await, scene.operator().await);
    let mut wins = [0, 0];
    for n in 0..50 {
        let one = proposal(&n.to_string());
        line.publish(&[Note::Proposed(one.clone())]).await.unwrap();
        let (dev, digest, given) = (dev(), one.digest(), approved(&one));
        let (records, id) = (
            ["ada", "bob"].map(|name| record(&one, "approved", name)),
            id(&one),
        );
        let race = async |line: &mut crate::fleet::operator::OperatorLine, at: usize| match line
            .claim(&dev, id, digest)
            .await
            .unwrap()
        {
            Claiming::Claimed => match line.answer(&dev, &given, &records[at]).await.unwrap() {
                Answering::Answered { .. } => 1,
                other => panic!("{other:?}"),
            },
            Claiming::BeingDecided | Claiming::Already(Status::Approved) => 0,
            other => panic!("{other:?}"),
        };
        let (first, second) = tokio::join!(race(&mut ada, 0), race(&mut bob, 1));
        assert_eq!(first + second, 1);
        wins[0] += first;
        wins[1] += second;
    }
    println!("ada {} bob {}", wins[0], wins[1]);
    let verified = ada.audit_verify(&dev()).await.unwrap();
    assert_eq!((verified.problem, verified.chained), (None, 50));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_claim_says_why_not() {
    let scene = Scene::set().await;
    let mut line = scene.bottle().await;
    let (mut ada, mut bob) = (scene.operator().await, scene.operator().await);
    let (one, two) = (proposal("a"), proposal("b"));
    line.publish(&[Note::Proposed(one.clone()), Note::Proposed(two.clone())])
        .await
        .unwrap();
    let other = Digest::from_hex(&"0".repeat(64)).unwrap();
    let changed = ada.claim(&dev(), id(&one), other).await.unwrap();
    assert_eq!(changed, Claiming::Changed(Box::new(one.clone())));
    // That left no claim.
    assert_eq!(
        bob.claim(&dev(), id(&one), one.digest()).await.unwrap(),
        Claiming::Claimed
    );
    assert_eq!(
        bob.claim(&dev(), id(&one), one.digest()).await.unwrap(),
        Claiming::BeingDecided
    );
    assert_eq!(
        ada.claim(&dev(), id(&one), one.digest()).await.unwrap(),
        Claiming::BeingDecided
    );
    assert_eq!(
        ada.claim(&slug("other"), id(&one), one.digest()).await.unwrap(),
        Claiming::NoSuch
    );
    let found = ada.find(&one.id[..8]).await.unwrap();
    assert_eq!(
        found,
        [(dev(), vec![Note::Proposed(one.clone()), Note::Claimed(id(&one))])]
    );
    // The claim goes with its connection.
    drop(bob);
    let mut tries = 0;
    while ada.claim(&dev(), id(&one), one.digest()).await.unwrap() != Claiming::Claimed {
        tries += 1;
        assert!(tries < 1000);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    line.withdraw(id(&two)).await.unwrap();
    assert_eq!(
        ada.claim(&dev(), id(&two), two.digest()).await.unwrap(),
        Claiming::Withdrawn
    );
    let unclaimed = ada
        .answer(&dev(), &approved(&two), &record(&two, "approved", "ada"))
        .await;
    assert!(unclaimed.is_err(), "{unclaimed:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_an_inbox_is_one_query() {
    let scene = Scene::set().await;
    let (mut line, mut ada) = (scene.bottle().await, scene.operator().await);
    let all: Vec<_> = (0..5).map(|n| proposal(&n.to_string())).collect();
    let notes: Vec<_> = all.iter().cloned().map(Note::Proposed).collect();
    line.publish(&notes).await.unwrap();
    line.publish(&[
        Note::Joined {
            id: id(&all[0]),
            count: 2,
        },
        Note::TimedOut(id(&all[0])),
    ])
    .await
    .unwrap();
    decide(&mut ada, &all[4], Status::Rejected).await;
    // A tool that isn't known is never listed.
    let mut sql = scene.cluster.sql(&scene.dev).await.unwrap();
    let strange = "INSERT INTO supervise.proposals (bottle_slug, id, tool, proposed_file, justification,
        arrival_timestamp, current_file_hash)
        VALUES ('dev', '00000000-0000-4000-8000-000000000001', 'rm', 'x', 'y', '0', 'h')";
    run(&mut sql, strange).await.unwrap();
    let pages = ada.pages(&[], 3).await.unwrap();
    let [(bottle, page)] = &pages[..] else {
        panic!("{pages:?}")
    };
    assert_eq!((bottle, page.total, page.hidden.len()), (&dev(), 4, 1));
    let listed: Vec<_> = page.proposals.iter().map(|listed| &listed.proposal).collect();
    assert_eq!(listed, [&all[0], &all[1]]);
    assert_eq!((page.proposals[0].joined, page.proposals[0].timed_out), (2, true));
    assert!(ada.pages(&[slug("other")], 3).await.unwrap().is_empty());
    assert_eq!(ada.bottles().await.unwrap(), [dev(), slug("other")]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_what_has_had_its_time_is_pruned() {
    let scene = Scene::set().await;
    let (mut line, mut ada) = (scene.bottle().await, scene.operator().await);
    let [open, done, refused, taken] = ["a", "b", "c", "d"].map(proposal);
    for one in [&open, &done, &refused, &taken] {
        line.publish(&[Note::Proposed(one.clone())]).await.unwrap();
    }
    decide(&mut ada, &done, Status::Approved).await;
    decide(&mut ada, &refused, Status::Rejected).await;
    line.withdraw(id(&taken)).await.unwrap();
    line.publish(&[
        Note::Delivered(id(&done)),
        Note::Delivered(id(&refused)),
        Note::Delivered(id(&open)),
    ])
    .await
    .unwrap();
    let now = OffsetDateTime::now_utc() + time::Duration::hours(1);
    assert_eq!(ada.prune(&dev(), now).await.unwrap(), 1);
    assert_eq!(ada.prune(&dev(), now).await.unwrap(), 0);
    assert!(ada.find(&done.id).await.unwrap().is_empty());
    assert_eq!(
        ada.load(&dev())
            .await
            .unwrap()
            .iter()
            .filter(|note| matches!(note, Note::Proposed(_)))
            .count(),
        3
    );
    assert_eq!(ada.audit_verify(&dev()).await.unwrap().chained, 2);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_chain_shows_what_was_changed() {
    let scene = Scene::set().await;
    let (mut line, mut ada) = (scene.bottle().await, scene.operator().await);
    for n in 0..5 {
        let one = proposal(&n.to_string());
        line.publish(&[Note::Proposed(one.clone())]).await.unwrap();
        decide(&mut ada, &one, Status::Rejected).await;
    }
    let edit = record(&proposal("x"), "operator-edit", "bob");
    assert_eq!(ada.audit_append(&dev(), &edit).await.unwrap(), 6);
    let filter = AuditFilter {
        operator: Some("bob".to_owned()),
        text: Some("+ x".to_owned()),
        order: AuditOrder::NewestFirst,
        ..AuditFilter::default()
    };
    let rows = ada.audit_page(&filter).await.unwrap();
    assert_eq!(
        (rows.len(), &rows[0].entry, &rows[0].origin),
        (1, &edit.entry, &edit.origin)
    );
    assert_eq!(ada.audit_verify(&dev()).await.unwrap().problem, None);
    let mut admin = scene.cluster.admin_sql().await;
    // What only a superuser can do, and undoes again: each is found.
    run(&mut admin, "SET session_replication_role = replica")
        .await
        .unwrap();
    let tampered = [
        (
            "UPDATE supervise.audit_entries SET diff = 'y' WHERE id = 3",
            Wrong::Changed,
            3,
        ),
        (
            "UPDATE supervise.audit_entries SET operator = 'eve' WHERE id = 2",
            Wrong::Changed,
            2,
        ),
        (
            "DELETE FROM supervise.audit_entries WHERE id = 4",
            Wrong::Missing,
            4,
        ),
        (
            "DELETE FROM supervise.audit_entries WHERE id > 4",
            Wrong::TailCut { last: 6 },
            5,
        ),
    ];
    for (statement, wrong, at) in tampered {
        run(
            &mut admin,
            "CREATE TABLE supervise.kept AS SELECT * FROM supervise.audit_entries",
        )
        .await
        .unwrap();
        run(&mut admin, statement).await.unwrap();
        let problem = ada.audit_verify(&dev()).await.unwrap().problem.unwrap();
        assert_eq!((problem.id, &problem.wrong), (Some(at), &wrong), "{statement}");
        for statement in [
            "DELETE FROM supervise.audit_entries",
            "INSERT INTO supervise.audit_entries SELECT * FROM supervise.kept",
            "DROP TABLE supervise.kept",
        ] {
            run(&mut admin, statement).await.unwrap();
        }
        assert_eq!(ada.audit_verify(&dev()).await.unwrap().problem, None);
    }
}
