//! Refusals that stick, as the agent meets them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use supervise_store::{Queue, Verdict};
use tokio::time::sleep;

use crate::bottle::{Server, ask, borrowed, call, is_error, modern_call, proposal_id, text};

const HOST: &str = "api.example.com";
const NOTES: &str = "use the mirror";

/// Asks for the host and has it refused for so many seconds.
async fn refuse(server: &Server, seconds: u64) -> String {
    let call = server.spawn_call("egress-allow", ask(HOST));
    let id = server.pending(1).await[0].proposal.id.clone();
    server.bottle.refuse(&id, NOTES, seconds).await;
    let answer = call.await.unwrap();
    // The first delivery is as it always was.
    assert_eq!(
        text(&answer),
        format!("status: rejected\nnotes: {NOTES}\napplied: no\nproposal: {id}")
    );
    id
}

fn assert_refused_before(answer: &Value, id: &str) {
    assert!(is_error(answer), "{answer}");
    let lines: Vec<&str> = text(answer).lines().collect();
    assert_eq!(
        lines[..3],
        ["status: rejected", &format!("notes: {NOTES}"), "applied: no"]
    );
    assert!(
        lines[3].contains("already") && lines[3].contains("changed"),
        "{answer}"
    );
    assert_eq!(lines[4..], [format!("proposal: {id}")]);
}

/// Read by another process: closing the file in this one would drop the sidecar's locks on it.
fn bytes(db: &Path) -> Vec<u8> {
    let read = Command::new("cat").arg(db).output().unwrap();
    assert!(read.status.success());
    read.stdout
}

async fn is_new_question(server: &Server, name: &str, arguments: Value) -> bool {
    let answer = server.call(name, arguments).await;
    let new = text(&answer).starts_with("status: pending");
    if new {
        let id = proposal_id(&answer);
        server.call("withdraw-proposal", json!({"proposal_id": id})).await;
    }
    new
}

#[tokio::test]
async fn the_same_again_is_answered_at_once_in_both_generations() {
    let server = Server::with_patience(0.3).await;
    let id = refuse(&server, 600).await;
    let mut again = ask(HOST);
    again["justification"] = "really, please".into();
    assert_refused_before(&server.call("egress-allow", again.clone()).await, &id);
    assert_refused_before(&server.call("egress-block", again.clone()).await, &id);
    let modern = server.call_modern("egress-allow", again).await.json();
    assert_refused_before(&modern, &id);
    assert_eq!(modern["result"]["resultType"], "complete");
    assert!(server.bottle.pending().await.is_empty());

    assert!(is_new_question(&server, "egress-allow", ask("www.example.com")).await);
    let narrower = json!({"host": HOST, "path_allowlist": ["/v1/"], "justification": "j"});
    assert!(is_new_question(&server, "egress-allow", narrower).await);
    // Its id still tells of the decision itself.
    let checked = server.call("check-proposal", json!({"proposal_id": id})).await;
    assert_eq!(
        text(&checked),
        format!("status: rejected\nnotes: {NOTES}\napplied: no\nproposal: {id}")
    );
}

#[tokio::test]
async fn it_outlives_the_sidecar() {
    let server = Server::with_patience(0.3).await;
    let id = refuse(&server, 600).await;
    // Delivered and archived before the sidecar goes.
    while text(&server.call("check-proposal", json!({})).await) != "no proposals" {
        sleep(Duration::from_millis(5)).await;
    }
    let bottle = server.stop().await;
    let server = bottle.serve(|config| config.response_timeout = Some(0.3)).await;
    assert_refused_before(&server.call("egress-allow", ask(HOST)).await, &id);
}

#[tokio::test]
async fn a_rejection_that_came_late_is_delivered_before_it_sticks() {
    let server = Server::with_patience(0.05).await;
    let id = proposal_id(&server.call("egress-allow", ask(HOST)).await);
    server.bottle.refuse(&id, NOTES, 600).await;
    let late = server.call("egress-allow", ask(HOST)).await;
    assert_eq!(
        text(&late),
        format!("status: rejected\nnotes: {NOTES}\napplied: no\nproposal: {id}")
    );
    assert_refused_before(&server.call("egress-allow", ask(HOST)).await, &id);
}

#[tokio::test]
async fn it_ends_and_nought_never_begins() {
    let server = Server::with_patience(0.3).await;
    refuse(&server, 0).await;
    assert!(is_new_question(&server, "egress-allow", ask(HOST)).await);
    let id = refuse(&server, 1).await;
    assert_refused_before(&server.call("egress-allow", ask(HOST)).await, &id);
    sleep(Duration::from_millis(1100)).await;
    assert!(is_new_question(&server, "egress-allow", ask(HOST)).await);
}

#[tokio::test]
async fn lifted_it_is_a_new_question_and_approved_it_is_open() {
    let server = Server::with_patience(20.0).await;
    let id = refuse(&server, 600).await;
    let queue = Queue::open(&server.bottle.queue_dir(), &server.bottle.slug)
        .await
        .unwrap();
    let host = supervise_store::Host::create(&server.bottle.root).await.unwrap();
    let proposal = queue.proposal_find(&id).await.unwrap().remove(0).listed.proposal;
    let lock = host.bottle_lock(&server.bottle.slug).await.unwrap();
    assert!(queue.refusal_lift(&lock, &proposal).await.unwrap().is_some());
    drop(lock);
    for _ in 0..2 {
        let again = server.spawn_call("egress-allow", ask(HOST));
        let other = server.decide(Verdict::Approve, "").await;
        assert_ne!(other, id);
        assert!(text(&again.await.unwrap()).starts_with("status: approved"));
    }
}

#[tokio::test]
async fn ten_thousand_asks_store_nothing() {
    const CONNECTIONS: usize = 8;
    const EACH: usize = 1250;
    let server = Server::with_patience(20.0).await;
    let id = refuse(&server, 600).await;
    while text(&server.call("check-proposal", json!({})).await) != "no proposals" {
        sleep(Duration::from_millis(5)).await;
    }
    let db = server.bottle.root.queue_db(&server.bottle.slug);
    let before = bytes(&db);
    let body = call("egress-allow", ask(HOST));
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (mut client, body, id) = (server.connect().await, body.clone(), id.clone());
        asking.spawn(async move {
            for _ in 0..EACH {
                assert_refused_before(&client.post(&body, &[]).await.json(), &id);
            }
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
    assert!(bytes(&db) == before, "the file has changed");
    // Nor did they use up what a minute or the inbox allows.
    let (body, headers) = modern_call("egress-allow", ask("www.example.com"));
    let mut client = server.connect().await;
    client.send_post(&body, &borrowed(&headers)).await;
    server.pending(1).await;
}
