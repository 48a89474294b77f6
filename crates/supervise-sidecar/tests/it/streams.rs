//! Answers as server-sent events: for those who can read them, and only when they take a while.

use serde_json::{Value, json};
use supervise_store::Verdict;

use crate::bottle::{Server, ask, borrowed, call, modern_call, proposal_id, text};

const ACCEPT: (&str, &str) = ("Accept", "application/json, text/event-stream");

fn call_with_token(host: &str, token: Value) -> String {
    let params = json!({"name": "egress-allow", "arguments": ask(host), "_meta": {"progressToken": token}});
    json!({"jsonrpc": "2.0", "id": "s", "method": "tools/call", "params": params}).to_string()
}

fn data(event: &str) -> Value {
    let json = event
        .strip_prefix("event: message\ndata: ")
        .expect("not a message");
    serde_json::from_str(json.strip_suffix("\n\n").expect("not ended")).unwrap()
}

#[tokio::test]
async fn progress_comes_at_once_and_the_answer_ends_the_stream() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let body = call_with_token("api.example.com", json!("tok"));
    client.send_post(&body, &[ACCEPT]).await;
    let head = client.head().await.unwrap();
    assert_eq!(
        (head.status, head.header("content-type")),
        (200, Some("text/event-stream"))
    );
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    let id = server.pending(1).await[0].proposal.id.clone();
    let event = client.event().await.unwrap();
    assert!(!event.contains("\nid:") && !event.starts_with("id:") && !event.contains(&id));
    let event = data(&event);
    assert_eq!(event["method"], "notifications/progress");
    assert_eq!(event["params"]["progressToken"], "tok");
    assert!(event["params"]["message"].as_str().unwrap().contains("operator"));
    assert!(event["params"]["progress"].is_number());
    server.decide(Verdict::Approve, "").await;
    let answer = data(&client.event().await.unwrap());
    assert_eq!(
        text(&answer),
        format!("status: approved\napplied: no\nproposal: {id}")
    );
    assert_eq!(answer["id"], "s");
    assert_eq!(client.event().await, None);
    // The connection is good for more.
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(client.post(ping, &[ACCEPT]).await.status, 200);
}

#[tokio::test]
async fn without_a_token_there_are_comments() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client
        .send_post(
            &call("egress-allow", ask("api.example.com")),
            &[("Accept", "Text/Event-Stream;q=0.9")],
        )
        .await;
    assert_eq!(
        client.head().await.unwrap().header("content-type"),
        Some("text/event-stream")
    );
    let comment = client.event().await.unwrap();
    assert!(
        comment.starts_with(": ") && comment.ends_with("\n\n") && comment.lines().count() == 2,
        "{comment:?}"
    );
    server.decide(Verdict::Reject, "").await;
    assert!(text(&data(&client.event().await.unwrap())).starts_with("status: rejected"));
    assert_eq!(client.event().await, None);
}

#[tokio::test]
async fn a_fast_answer_is_plain_json() {
    let server = Server::with_patience(0.05).await;
    let answer = server
        .connect()
        .await
        .post(&call_with_token("api.example.com", json!(1)), &[ACCEPT])
        .await;
    assert!(text(&answer.json()).starts_with("status: pending"));
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(server.connect().await.post(list, &[ACCEPT]).await.json()["id"], 1);
}

#[tokio::test]
async fn only_who_names_event_streams_gets_one() {
    let server = Server::with_patience(0.4).await;
    for accept in [
        "*/*",
        "application/json",
        "text/*",
        "text/event-streams",
        "text/html, */*",
    ] {
        let body = call("egress-allow", ask("api.example.com"));
        let answer = server.connect().await.post(&body, &[("Accept", accept)]).await;
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn checks_and_modern_calls_stream_too() {
    let server = Server::with_patience(0.5).await;
    let id = proposal_id(&server.call("egress-allow", ask("api.example.com")).await);
    let (modern, headers) = modern_call("check-proposal", json!({"proposal_id": id}));
    let mut headers = borrowed(&headers);
    headers.push(ACCEPT);
    let legacy = call("check-proposal", json!({"proposal_id": id}));
    for (body, headers) in [(&legacy, vec![ACCEPT]), (&modern, headers)] {
        let mut client = server.connect().await;
        client.send_post(body, &headers).await;
        assert_eq!(
            client.head().await.unwrap().header("content-type"),
            Some("text/event-stream")
        );
        assert!(client.event().await.unwrap().starts_with(": "));
        let answer = data(&client.event().await.unwrap());
        assert!(text(&answer).starts_with("status: pending"));
        assert_eq!(proposal_id(&answer), id);
        assert_eq!(client.event().await, None);
    }
}

#[tokio::test]
async fn a_token_is_a_string_or_a_number() {
    let server = Server::with_patience(0.3).await;
    for (token, good) in [
        (json!(0), true),
        (json!("t"), true),
        (json!(null), true),
        (json!({}), false),
        (json!(true), false),
    ] {
        let answer = server
            .connect()
            .await
            .post(&call_with_token("api.example.com", token.clone()), &[])
            .await
            .json();
        assert_eq!(answer["result"].is_object(), good, "{token}");
    }
}
