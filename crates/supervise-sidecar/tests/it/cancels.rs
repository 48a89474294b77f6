//! Callers that leave, and callers that say so.

use std::time::Duration;

use serde_json::{Value, json};
use supervise_store::Verdict;
use tokio::time::sleep;

use crate::bottle::{Server, ask, borrowed, call, modern_call, proposal_id, text};
use crate::client::Client;

const ACCEPT: (&str, &str) = ("Accept", "text/event-stream, application/json");
/// Longer than a closed connection and its clean-up take.
const SOON: Duration = Duration::from_millis(300);

async fn begin_modern(server: &Server, host: &str, accept: Option<(&'static str, &'static str)>) -> Client {
    let (body, headers) = modern_call("egress-allow", ask(host));
    let mut headers = borrowed(&headers);
    headers.extend(accept);
    let mut client = server.connect().await;
    client.send_post(&body, &headers).await;
    client
}

async fn cancel(server: &Server, id: Value) {
    let body = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    assert_eq!(server.post(&body.to_string()).await.status, 202);
}

#[tokio::test]
async fn a_legacy_caller_that_vanishes_leaves_the_proposal_pending() {
    let server = Server::start().await;
    for accept in [vec![], vec![ACCEPT]] {
        let mut client = server.connect().await;
        client
            .send_post(&call("egress-allow", ask("api.example.com")), &accept)
            .await;
        let id = server.pending(1).await[0].proposal.id.clone();
        sleep(SOON).await;
        drop(client);
        sleep(SOON).await;
        assert_eq!(server.pending(1).await[0].proposal.id, id);
    }
    let id = server.decide(Verdict::Approve, "").await;
    // The decision waits for whoever asks again.
    assert_eq!(
        proposal_id(&server.call("egress-allow", ask("api.example.com")).await),
        id
    );
}

#[tokio::test]
async fn a_modern_caller_that_closes_takes_its_proposal_back() {
    let server = Server::start().await;
    for accept in [None, Some(ACCEPT)] {
        let client = begin_modern(&server, "api.example.com", accept).await;
        server.pending(1).await;
        sleep(SOON).await;
        drop(client);
        server.pending(0).await;
    }
}

#[tokio::test]
async fn a_modern_caller_that_joined_or_was_told_the_id_takes_nothing_back() {
    let server = Server::start().await;
    let legacy = server.spawn_call("egress-allow", ask("joined.example.com"));
    server.pending(1).await;
    let joined = begin_modern(&server, "joined.example.com", None).await;
    while server.pending(1).await[0].joined < 1 {
        sleep(Duration::from_millis(5)).await;
    }
    drop(joined);
    sleep(SOON).await;
    server.decide(Verdict::Approve, "").await;
    assert!(text(&legacy.await.unwrap()).starts_with("status: approved"));

    let told = begin_modern(&server, "told.example.com", None).await;
    server.pending(1).await;
    let list = server.call("check-proposal", json!({})).await;
    assert!(text(&list).ends_with(" egress-allow pending"), "{list}");
    drop(told);
    sleep(SOON).await;
    server.pending(1).await;
}

#[tokio::test]
async fn a_modern_caller_told_by_a_timeout_takes_nothing_back() {
    let server = Server::with_patience(0.3).await;
    let mut client = begin_modern(&server, "api.example.com", None).await;
    assert!(text(&client.response().await.json()).starts_with("status: pending"));
    let again = begin_modern(&server, "api.example.com", None).await;
    sleep(Duration::from_millis(100)).await;
    drop((client, again));
    sleep(SOON).await;
    server.pending(1).await;
}

#[tokio::test]
async fn a_legacy_cancel_ends_the_one_hold_it_names() {
    let server = Server::start().await;
    let call = server.spawn_call("egress-allow", ask("api.example.com"));
    let id = server.pending(1).await[0].proposal.id.clone();
    for other in [json!(2), json!("1"), json!(null), json!(1.0)] {
        cancel(&server, other).await;
    }
    sleep(SOON).await;
    assert!(!call.is_finished());
    cancel(&server, json!(1)).await;
    let answer = call.await.unwrap();
    assert!(text(&answer).starts_with("status: pending\nnotes: "), "{answer}");
    assert!(text(&answer).contains("cancelled"));
    assert_eq!(proposal_id(&answer), id);
    server.pending(1).await;
    // It is over: the id may come again.
    cancel(&server, json!(1)).await;
}

#[tokio::test]
async fn a_cancel_that_could_mean_two_holds_means_none() {
    let server = Server::start().await;
    let calls: Vec<_> = ["a.example.com", "b.example.com"]
        .map(|host| server.spawn_call("egress-allow", ask(host)))
        .into();
    server.pending(2).await;
    cancel(&server, json!(1)).await;
    sleep(SOON).await;
    assert!(!calls.iter().any(|call| call.is_finished()));
    calls.iter().for_each(|call| call.abort());
}

#[tokio::test]
async fn a_modern_hold_is_not_cancelled_by_a_message() {
    let server = Server::start().await;
    let mut client = begin_modern(&server, "api.example.com", None).await;
    server.pending(1).await;
    cancel(&server, json!(1)).await;
    sleep(SOON).await;
    server.decide(Verdict::Approve, "").await;
    assert!(text(&client.response().await.json()).starts_with("status: approved"));
}
