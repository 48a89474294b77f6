//! Clients that ask and don't read what they are answered.

use std::time::{Duration, Instant};

use supervise_store::Verdict;
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::bottle::{Bottle, Server, ask, call, text};
use crate::client::Client;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// Sends requests until no more fit anywhere, and reads no answer.
async fn choke(server: &Server) -> Client {
    let mut client = server.connect().await;
    let length = LIST.len();
    let request = format!("POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: {length}\r\n\r\n{LIST}");
    let requests = request.repeat(100_000);
    let all = client.stream.write_all(requests.as_bytes());
    let sent = tokio::time::timeout(Duration::from_millis(500), all).await;
    assert!(sent.is_err(), "all of it was read");
    client
}

#[tokio::test]
async fn those_who_read_nothing_keep_nobody_out() {
    let server = Bottle::new().serve(|config| config.max_connections = 3).await;
    let mut held = server.connect().await;
    held.send_post(&call("egress-allow", ask("api.example.com")), &[])
        .await;
    server.pending(1).await;
    let mut chokers = Vec::new();
    for _ in 0..2 {
        chokers.push(choke(&server).await);
    }
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    for _ in 0..10 {
        assert_eq!(server.post(PING).await.status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(2));
    server.decide(Verdict::Approve, "").await;
    assert!(text(&held.response().await.json()).starts_with("status: approved"));
}

#[tokio::test]
async fn whoever_reads_late_reads_all_of_it() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let count = 200;
    for _ in 0..count {
        client.send_post(LIST, &[]).await;
    }
    // Longer than a place is kept when others want it; here nobody does.
    sleep(Duration::from_secs(2)).await;
    for _ in 0..count {
        assert_eq!(client.response().await.status, 200);
    }
    assert_eq!(client.post(PING, &[]).await.status, 200);
}
