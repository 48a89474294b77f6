//! Clients that close their half of the connection once they have sent all, as `nc` and some libraries do.

use tokio::io::AsyncWriteExt as _;

use supervise_store::Verdict;

use crate::bottle::{Bottle, Server, ask, borrowed, call, modern_call, proposal_id, text};
use crate::client::{Client, Response};

async fn half_closed(client: &mut Client) -> Option<Response> {
    client.stream.shutdown().await.unwrap();
    let response = client.try_response().await;
    assert!(client.is_closed().await);
    response
}

#[tokio::test]
async fn whatever_is_answered_at_once_is_answered() {
    let server = Server::start().await;
    let list = call("check-proposal", serde_json::json!({}));
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (body, expected) in [(ping, "\"result\":{}"), (&list, "no proposals")] {
        let mut client = server.connect().await;
        client.send_post(body, &[]).await;
        let response = half_closed(&mut client).await.expect(body);
        assert!(
            response.status == 200 && response.body.contains(expected),
            "{response:?}"
        );
    }
    let mut client = server.connect().await;
    client.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(half_closed(&mut client).await.unwrap().body, "ok\n");
    // Several in one go, the last of which the store has to be asked for.
    let mut client = server.connect().await;
    client.send_post(ping, &[]).await;
    client.send_post(&list, &[]).await;
    client.stream.shutdown().await.unwrap();
    assert!(client.response().await.body.contains("\"result\":{}"));
    assert!(client.response().await.body.contains("no proposals"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_held_legacy_caller_is_told_the_id_and_the_decision_waits() {
    let server = Server::start().await;
    for accept in [None, Some(("Accept", "text/event-stream"))] {
        let mut client = server.connect().await;
        let host = if accept.is_some() {
            "b.example.com"
        } else {
            "a.example.com"
        };
        client
            .send_post(&call("egress-allow", ask(host)), accept.as_slice())
            .await;
        let waiting = server.pending(1).await;
        let response = half_closed(&mut client).await.unwrap();
        let json = response
            .body
            .lines()
            .rfind(|line| line.contains("result"))
            .unwrap();
        let answer = serde_json::from_str(json.trim_start_matches("data: ")).unwrap();
        assert!(
            text(&answer).starts_with("status: pending\nnotes: the caller closed its side"),
            "{answer}"
        );
        assert_eq!(proposal_id(&answer), waiting[0].proposal.id);
        server.decide(Verdict::Approve, "").await;
        let again = server.call("egress-allow", ask(host)).await;
        assert!(text(&again).starts_with("status: approved"), "{again}");
        assert_eq!(proposal_id(&again), waiting[0].proposal.id);
    }
}

/// Bytes of a next request keep the HTTP library from reading on, and so from seeing the end.
#[tokio::test]
async fn a_decision_is_not_written_to_a_caller_who_sent_more_and_left() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client
        .send_post(&call("egress-allow", ask("api.example.com")), &[])
        .await;
    client
        .send_post(r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#, &[])
        .await;
    let waiting = server.pending(1).await;
    drop(client);
    server.decide(Verdict::Approve, "").await;
    // Written to nobody it would be archived by then.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let again = server.call("egress-allow", ask("api.example.com")).await;
    assert!(text(&again).starts_with("status: approved"), "{again}");
    assert_eq!(proposal_id(&again), waiting[0].proposal.id);
}

#[tokio::test]
async fn a_modern_caller_that_closes_its_half_has_closed_the_stream() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let (body, headers) = modern_call("egress-allow", ask("api.example.com"));
    client.send_post(&body, &borrowed(&headers)).await;
    server.pending(1).await;
    assert!(half_closed(&mut client).await.is_none());
    server.pending(0).await;
    // Also when it closes in the same breath.
    let mut client = server.connect().await;
    client.send_post(&body, &borrowed(&headers)).await;
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
    server.pending(0).await;
}

/// Found by `cargo xtask abuse malformed`, seed 1, requests 315 and 1190: answered at its head, with a body
/// that was still on its way, such a request was taken for one that is still owed an answer.
#[tokio::test]
async fn a_request_that_is_refused_before_its_body_is_read_ends_too() {
    let server = Server::start().await;
    for head in [
        "POST / HTTP/1.1\r\nHost: supervise\r\nHost: supervise",
        "POST http://evil.example/ HTTP/1.1\r\nHost: supervise",
        "PUT / HTTP/1.1\r\nHost: supervise",
    ] {
        for length in [100, 9_000, 14_000, 60_000] {
            let begun = std::time::Instant::now();
            let mut client = server.connect().await;
            let body = "9".repeat(length);
            client
                .send(&format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}"))
                .await;
            assert!(half_closed(&mut client).await.unwrap().status >= 400);
            assert!(begun.elapsed().as_secs() < 8, "{head} {length}");
        }
    }
}

#[tokio::test]
async fn half_a_request_gets_no_further() {
    let server = Bottle::new().serve(|config| config.max_connections = 1).await;
    for bytes in [
        "",
        "POST / HT",
        "POST / HTTP/1.1\r\nHost: supervise\r\n",
        "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 9\r\n\r\n{",
        "POST / HTTP/1.1\r\nHost: supervise\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{",
    ] {
        let begun = std::time::Instant::now();
        let mut client = server.connect().await;
        client.send(bytes).await;
        let response = half_closed(&mut client).await;
        assert!(response.is_none_or(|response| response.status == 400), "{bytes}");
        // Not by running into a time limit.
        assert!(begun.elapsed().as_secs() < 8, "{bytes}");
    }
}
