//! Clients that are slow, greedy or malformed, and the ones beside them.

use std::time::{Duration, Instant};

use supervise_sidecar::Config;
use supervise_store::Verdict;
use tokio::time::sleep;

use crate::bottle::{Bottle, Server, ask, borrowed, call, modern_call, text};
use crate::client::Client;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";

fn limited(max_connections: usize) -> impl FnOnce(&mut Config) {
    move |config| config.max_connections = max_connections
}

#[tokio::test]
async fn two_lengths_are_refused_in_either_order() {
    let server = Server::start().await;
    let (chunked, length) = ("Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n");
    for headers in [[chunked, length], [length, chunked]] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: supervise\r\n{}\r\n0\r\n\r\n",
            headers.concat()
        );
        let mut client = server.connect().await;
        let response = client.exchange(&request).await;
        assert_eq!(response.status, 400, "{headers:?}");
        assert!(client.is_closed().await);
        // The same behind a good request, in one piece.
        let good = format!(
            "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: {}\r\n\r\n{PING}",
            PING.len()
        );
        let mut client = server.connect().await;
        assert_eq!(client.exchange(&[good, request].concat()).await.status, 200);
        assert_eq!(client.response().await.status, 400, "{headers:?}");
        assert!(client.is_closed().await);
    }
}

/// Where a length could be misread, nothing that follows is taken for a request.
#[tokio::test]
async fn a_length_in_a_strange_spelling_hides_no_request() {
    let server = Server::start().await;
    let hidden = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    let (blanks, zeros) = (" ".repeat(40), "0".repeat(60));
    let length = hidden.len();
    for spelled in [
        format!("{blanks}{length}"),
        format!("{zeros}{length}"),
        format!("{length}, {length}"),
    ] {
        let health = format!("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length:{spelled}\r\n\r\n{hidden}");
        let chunked = "POST / HTTP/1.1\r\nHost: supervise\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let mut client = server.connect().await;
        let response = client.exchange(&[&health, chunked].concat()).await;
        assert_eq!(response.status, 400, "{spelled}");
        assert!(client.is_closed().await, "{spelled}");
        // A good one before it is answered as ever.
        let mut client = server.connect().await;
        let both = [HEALTH, &health].concat();
        assert_eq!(client.exchange(&both).await.status, 200, "{spelled}");
        assert_eq!(client.response().await.status, 400, "{spelled}");
        assert!(client.is_closed().await, "{spelled}");
    }
}

#[tokio::test]
async fn a_length_twice_counts_if_it_is_the_same() {
    let server = Server::start().await;
    let post = |first: usize, second: usize| {
        format!(
            "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: {first}\r\nContent-Length: {second}\r\n\r\n{PING}"
        )
    };
    let mut client = server.connect().await;
    for _ in 0..2 {
        let response = client.exchange(&post(PING.len(), PING.len())).await;
        assert_eq!(response.status, 200);
    }
    for (first, second) in [(PING.len(), 1), (1, PING.len()), (0, PING.len())] {
        let mut client = server.connect().await;
        assert_eq!(client.exchange(&post(first, second)).await.status, 400);
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn nothing_follows_a_chunked_request() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: supervise\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{PING}\r\n0\r\n\r\n",
        PING.len()
    );
    let response = client.exchange(&request.repeat(2)).await;
    assert_eq!(
        (response.status, response.header("connection")),
        (200, Some("close"))
    );
    assert!(client.try_response().await.is_none());
    // Not even where the chunks were of no interest.
    let health = "GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut client = server.connect().await;
    let response = client.exchange(&health.repeat(2)).await;
    assert_eq!(
        (response.status, response.header("connection")),
        (200, Some("close"))
    );
    assert!(client.try_response().await.is_none());
}

#[tokio::test]
async fn malformed_heads_end_in_an_error_and_a_closed_connection() {
    let server = Server::start().await;
    let many: String = (0..40).map(|n| format!("X-{n}: y\r\n")).collect();
    let table = [
        ("nonsense\r\n\r\n".to_owned(), 400),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(),
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nbad header\r\n\r\n".to_owned(),
            400,
        ),
        (format!("POST / HTTP/1.1\r\nHost: supervise\r\n{many}\r\n"), 431),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: supervise\r\nX: {}\r\n\r\n",
                "y".repeat(20_000)
            ),
            431,
        ),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
            400,
        ),
    ];
    for (bytes, status) in table {
        let mut client = server.connect().await;
        let response = client.exchange(&bytes).await;
        assert_eq!(response.status, status, "{bytes:.60}");
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn slow_heads_and_slow_bodies_are_cut_off() {
    let server = Server::start().await;
    let begun = Instant::now();
    let mut head = server.connect().await;
    head.send("POST / HTTP/1.1\r\nHost: supervise\r\n").await;
    let mut body = server.connect().await;
    body.send("POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 9\r\n\r\n{")
        .await;
    let (head_closed, answer) = tokio::join!(head.is_closed(), body.response());
    assert!(head_closed);
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(body.is_closed().await);
    let waited = begun.elapsed();
    assert!(
        waited > Duration::from_secs(9) && waited < Duration::from_secs(15),
        "{waited:?}"
    );
}

#[tokio::test]
async fn an_answered_connection_may_idle_longer_than_a_head_may_take() {
    let server = Server::start().await;
    let mut idle = server.connect().await;
    assert_eq!(idle.post(PING, &[]).await.status, 200);
    let mut slow = server.connect().await;
    assert_eq!(slow.post(PING, &[]).await.status, 200);
    slow.send("POST / HTTP/1.1\r\nHost: ").await;
    let mut silent = server.connect().await;
    let (slow_closed, silent_closed, ()) = tokio::join!(
        slow.is_closed(),
        silent.is_closed(),
        sleep(Duration::from_secs(11))
    );
    assert!(slow_closed && silent_closed);
    assert_eq!(idle.post(PING, &[]).await.status, 200);
}

#[tokio::test]
async fn a_large_body_is_refused_at_its_head_and_the_answer_arrives() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    // Sent whole before anything is read, as most clients do.
    client
        .send("POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 4000000\r\n\r\n")
        .await;
    let body = "x".repeat(4_000_000);
    let sent = tokio::time::timeout(Duration::from_secs(5), client.send(&body)).await;
    assert!(sent.is_ok());
    assert_eq!(client.response().await.status, 413);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn large_bodies_share_a_budget_and_small_ones_pass_them() {
    let server = Server::start().await;
    let address = server.address;
    let head = "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 1048576\r\n\r\n";
    let piece = format!("{head}{}", " ".repeat(1_040_000));
    // Almost whole, 33 of these are more than there is room for.
    let greedy: Vec<_> = (0..33)
        .map(|_| {
            let piece = piece.clone();
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                client.send(&piece).await;
                std::future::pending::<()>().await;
            })
        })
        .collect();
    sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    assert_eq!(server.post(PING).await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(1));
    // On a busy machine the greedy ones take longer to fill it.
    let mut large = loop {
        assert!(begun.elapsed() < Duration::from_secs(20), "there is room for all");
        let mut large = server.connect().await;
        large
            .send_post(&format!("{PING}{}", " ".repeat(100_000)), &[])
            .await;
        let early = tokio::time::timeout(Duration::from_millis(300), large.head()).await;
        if early.is_err() {
            break large;
        }
    };
    greedy.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(large.response().await.status, 200);
}

#[tokio::test]
async fn the_connection_without_a_whole_request_for_longest_makes_room() {
    let server = Bottle::new().serve(limited(3)).await;
    let mut held = server.connect().await;
    held.send_post(&call("egress-allow", ask("api.example.com")), &[])
        .await;
    server.pending(1).await;
    let mut silent = server.connect().await;
    let mut halfway = server.connect().await;
    halfway
        .send("POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 50\r\n\r\n{")
        .await;
    sleep(Duration::from_millis(50)).await;
    // A whole request makes the oldest waiting one the youngest.
    assert_eq!(silent.exchange(HEALTH).await.status, 200);
    let mut new = server.connect().await;
    assert_eq!(new.post(PING, &[]).await.status, 200);
    assert!(halfway.is_closed().await);
    assert_eq!(silent.exchange(HEALTH).await.status, 200);
    server.decide(Verdict::Approve, "").await;
    assert!(text(&held.response().await.json()).starts_with("status: approved"));
}

#[tokio::test]
async fn held_calls_keep_their_places_and_health_answers() {
    let server = Bottle::new().serve(limited(2)).await;
    let held: Vec<_> = ["a.example.com", "b.example.com"]
        .map(|host| server.spawn_call("egress-allow", ask(host)))
        .into();
    let pending = server.pending(2).await;
    for _ in 0..3 {
        let mut client = server.connect().await;
        let response = client.post(PING, &[]).await;
        assert_eq!(
            (response.status, response.header("retry-after")),
            (503, Some("1"))
        );
        assert!(client.is_closed().await);
        assert_eq!(server.connect().await.exchange(HEALTH).await.body, "ok\n");
    }
    // Those that sit there and send nothing keep nobody out, and don't stay.
    let mut idle = Vec::new();
    for _ in 0..80 {
        idle.push(server.connect().await);
    }
    assert_eq!(server.connect().await.exchange(HEALTH).await.body, "ok\n");
    assert!(idle[79].is_closed().await);
    for listed in pending {
        server
            .bottle
            .decide(&listed.proposal.id, Verdict::Approve, "")
            .await;
    }
    for call in held {
        assert!(text(&call.await.unwrap()).starts_with("status: approved"));
    }
    assert_eq!(server.post(PING).await.status, 200);
}

#[tokio::test]
async fn an_answered_connection_makes_room_and_has_not_cancelled() {
    let change = |config: &mut Config| {
        config.max_connections = 1;
        config.response_timeout = Some(0.05);
    };
    let server = Bottle::new().serve(change).await;
    let (body, headers) = modern_call("egress-allow", ask("api.example.com"));
    let mut modern = server.connect().await;
    assert_eq!(modern.post(&body, &borrowed(&headers)).await.status, 200);
    assert_eq!(server.post(PING).await.status, 200);
    let closed = tokio::time::timeout(Duration::from_secs(1), modern.is_closed()).await;
    assert_eq!(closed, Ok(true));
    server.pending(1).await;
}

#[tokio::test]
async fn many_idle_connections_keep_nobody_out() {
    let server = Bottle::new().serve(limited(64)).await;
    let mut idle: Vec<Client> = Vec::new();
    for _ in 0..300 {
        let mut client = server.connect().await;
        client.send("POST / HTTP/1.1\r\n").await;
        idle.push(client);
    }
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(server.post(PING).await.status, 200);
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_no_json() {
    use tokio::io::AsyncWriteExt;
    let server = Server::start().await;
    for body in [b"{\"a\":\"\xff\"}".as_slice(), b"\xfe\xff\0{\0}", b"\0"] {
        let mut client = server.connect().await;
        let head = format!(
            "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        client.send(&head).await;
        client.stream.write_all(body).await.unwrap();
        assert_eq!(client.response().await.json()["error"]["code"], -32700);
    }
}
