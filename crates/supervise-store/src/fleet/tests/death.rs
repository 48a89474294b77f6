//! Connections that die at any moment: nothing that was acknowledged is lost, nothing is decided twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use supervise_core::{Proposal, Status};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::scene::{Scene, dev, given, id, proposal, record};
use crate::error::StoreError;
use crate::fleet::answer::Answering;
use crate::fleet::cluster::run;
use crate::line::{Claiming, Note, Withdrawing};

/// So many connections are ended while everybody works.
fn deaths() -> usize {
    let set = std::env::var("SUPERVISE_FLEET_DEATHS").ok();
    set.and_then(|deaths| deaths.parse().ok()).unwrap_or(40)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn postgres_connections_die_and_nothing_is_lost() {
    let scene = Scene::set().await;
    let over = Arc::new(AtomicBool::new(false));
    let retried = Arc::new(AtomicUsize::new(0));
    let (mut line, mut ada) = (scene.bottle().await, scene.operator().await);
    let (told, mut heard_of) = mpsc::unbounded_channel::<Proposal>();

    // Publishes, and waits for the answers of what it published.
    let bottle = tokio::spawn({
        let (over, retried) = (Arc::clone(&over), Arc::clone(&retried));
        async move {
            line.load().await.unwrap();
            let (mut open, mut answered, mut n) = (HashSet::<Uuid>::new(), 0, 0);
            while !over.load(Ordering::Relaxed) || !open.is_empty() {
                if !over.load(Ordering::Relaxed) && open.len() < 20 {
                    let one = proposal(&n.to_string());
                    n += 1;
                    // Whoever isn't told that it is stored asks again.
                    while let Err(error) = line.publish(&[Note::Proposed(one.clone())]).await {
                        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
                        retried.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(20)).await;
                    }
                    // One of ten is taken back at once.
                    let taken =
                        n % 10 == 0 && matches!(line.withdraw(id(&one)).await, Ok(Withdrawing::Withdrawn));
                    if !taken {
                        open.insert(id(&one));
                        told.send(one).unwrap();
                    }
                }
                let _ = timeout(Duration::from_millis(20), line.hinted()).await;
                for note in line.news().await.unwrap_or_default() {
                    if let Note::Answered(given) = note {
                        let id = given.answer.response.proposal_id.parse().unwrap();
                        assert!(open.remove(&id), "{id} was answered twice, or never asked");
                        answered += 1;
                    }
                }
            }
            answered
        }
    });

    let operator = tokio::spawn(async move {
        let mut entries = HashSet::new();
        while let Some(one) = heard_of.recv().await {
            let record = record(&one, "rejected", "ada");
            let answer = given(&one, Status::Rejected);
            loop {
                match ada.claim(&dev(), id(&one), one.digest()).await {
                    Ok(Claiming::Claimed) => {}
                    // The connection that had the claim is still dying.
                    Ok(Claiming::BeingDecided) | Err(_) => {
                        let _ = ada.release(id(&one)).await;
                        sleep(Duration::from_millis(5)).await;
                        continue;
                    }
                    // Answered before, by a try of which nothing was known.
                    Ok(Claiming::Already(Status::Rejected)) => break,
                    Ok(other) => panic!("{other:?}"),
                }
                match ada.answer(&dev(), &answer, &record).await {
                    Ok(Answering::Answered { audit_id }) => {
                        assert!(entries.insert(audit_id), "entry {audit_id} twice");
                        break;
                    }
                    Ok(Answering::Lost(Claiming::BeingDecided)) | Err(_) => {}
                    Ok(other) => panic!("{other:?}"),
                }
            }
        }
        ada
    });

    let mut admin = scene.cluster.admin_sql().await;
    let mut died = 0;
    while died < deaths() {
        let one = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE usename LIKE 'supervise%' AND backend_start < clock_timestamp() - interval '300 ms'
            ORDER BY random() LIMIT 1";
        died += run(&mut admin, one).await.unwrap() as usize;
        sleep(Duration::from_millis(50)).await;
    }
    over.store(true, Ordering::Relaxed);
    let answered = timeout(Duration::from_secs(60), bottle)
        .await
        .expect("every answer")
        .unwrap();
    let mut ada = operator.await.unwrap();
    let verified = ada.audit_verify(&dev()).await.unwrap();
    assert_eq!(verified.problem, None);
    assert_eq!(verified.chained, answered, "an answer for each entry");
    let asked_again = retried.load(Ordering::Relaxed);
    println!("{died} connections ended, {answered} answered, {asked_again} publications asked again, 0 lost");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_server_that_restarts_is_found_again() {
    let mut scene = Scene::set().await;
    let (mut line, mut ada) = (scene.bottle().await, scene.operator().await);
    line.load().await.unwrap();
    let one = proposal("a");
    line.publish(&[Note::Proposed(one.clone())]).await.unwrap();
    let claimed = ada.claim(&dev(), id(&one), one.digest()).await.unwrap();
    assert_eq!(claimed, Claiming::Claimed);
    scene.cluster.stop();
    let down = line.news().await;
    assert!(matches!(down, Err(StoreError::Unreachable(_))), "{down:?}");
    // Soon after that nobody waits for it again.
    let start = std::time::Instant::now();
    assert!(line.news().await.is_err());
    assert!(start.elapsed() < Duration::from_millis(100));
    scene.cluster.run().await;
    // The claim went with the server; the answer takes it anew.
    let record = record(&one, "rejected", "ada");
    let answered = ada
        .answer(&dev(), &given(&one, Status::Rejected), &record)
        .await
        .unwrap();
    assert_eq!(answered, Answering::Answered { audit_id: 1 });
    let heard = async {
        loop {
            match line.news().await {
                Ok(notes) if !notes.is_empty() => return notes,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let notes = timeout(Duration::from_secs(20), heard).await.expect("news");
    assert!(matches!(&notes[..], [Note::Answered(_)]), "{notes:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_lost_claim_that_somebody_else_took_answers_nothing() {
    let scene = Scene::set().await;
    let mut line = scene.bottle().await;
    let (mut ada, mut bob) = (scene.operator().await, scene.operator().await);
    let one = proposal("a");
    line.publish(&[Note::Proposed(one.clone())]).await.unwrap();
    ada.claim(&dev(), id(&one), one.digest()).await.unwrap();
    let mut admin = scene.cluster.admin_sql().await;
    let holder = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'";
    assert_eq!(run(&mut admin, holder).await, Ok(1));
    while bob.claim(&dev(), id(&one), one.digest()).await.unwrap() != Claiming::Claimed {
        sleep(Duration::from_millis(5)).await;
    }
    let answer = given(&one, Status::Rejected);
    let late = ada
        .answer(&dev(), &answer, &record(&one, "rejected", "ada"))
        .await
        .unwrap();
    assert_eq!(late, Answering::Lost(Claiming::BeingDecided));
    assert_eq!(bob.audit_verify(&dev()).await.unwrap().entries, 0);
    let won = bob
        .answer(&dev(), &answer, &record(&one, "rejected", "bob"))
        .await
        .unwrap();
    assert_eq!(won, Answering::Answered { audit_id: 1 });
    let again = ada.claim(&dev(), id(&one), one.digest()).await.unwrap();
    assert_eq!(again, Claiming::Already(Status::Rejected));
}
