//! Clients that ask and don't read what they are answered.

use std::future::poll_fn;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::task::Poll;
use std::time::{Duration, Instant};

use supervise_store::Verdict;
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::bottle::{Bottle, Server, ask, call, text};
use crate::client::Client;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn request(body: &str) -> String {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Sends requests until no more fit anywhere, and reads no answer.
async fn choke(server: &Server) -> Client {
    let mut client = server.connect().await;
    let requests = request(LIST).repeat(100_000);
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

/// Unlike the runtime's own yield doesn't wait until nobody else has anything to do.
async fn next_round() {
    let mut over = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut over, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[tokio::test]
async fn whoever_asks_much_at_once_doesnt_keep_the_next_client_waiting() {
    let server = Server::start().await;
    // Nothing is awaited until both have asked, and the server runs on this thread.
    let mut greedy = TcpStream::connect(server.address).unwrap();
    greedy.write_all(request(PING).repeat(100).as_bytes()).unwrap();
    let mut modest = TcpStream::connect(server.address).unwrap();
    modest.write_all(request(PING).as_bytes()).unwrap();
    modest.set_nonblocking(true).unwrap();
    greedy.set_nonblocking(true).unwrap();
    // A task of its own that wakes itself at once comes round as often as the server's.
    let served = tokio::spawn(async move {
        let mut buffer = [0; 64 * 1024];
        while let Err(error) = modest.read(&mut buffer) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            next_round().await;
        }
        let length = greedy.read(&mut buffer).unwrap_or_default();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    });
    let answers = served.await.unwrap().matches("HTTP/1.1 200").count();
    assert!(answers <= 4, "{answers} answers to the greedy one came first");
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
