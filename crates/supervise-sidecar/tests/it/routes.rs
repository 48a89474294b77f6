//! `list-egress-routes` through a proxy that this test plays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::bottle::{Bottle, Server, is_error, text};

/// A proxy that answers every connection with the same bytes after a while; counts the connections and
/// checks what it is asked.
async fn proxy(answer: Vec<u8>, delay: Duration) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answer, count) = (answer.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let length = stream.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
                assert!(
                    head.starts_with("get http://_egress.local/allowlist http/1.1\r\n"),
                    "{head}"
                );
                assert!(head.contains("\r\nhost: _egress.local\r\n"), "{head}");
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(delay).await;
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    (url, asked)
}

async fn server(url: &str) -> Server {
    let proxy = url.parse().unwrap();
    Bottle::new().serve(|config| config.egress_proxy = proxy).await
}

fn ok(body: &[u8]) -> Vec<u8> {
    [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(),
        body,
    ]
    .concat()
}

#[tokio::test]
async fn the_proxys_body_is_the_answer() {
    let body = "{\"routes\": [\"ü.example\"]}\n";
    for answer in [
        ok(body.as_bytes()),
        format!("HTTP/1.0 200 OK\r\n\r\n{body}").into_bytes(),
    ] {
        let (url, _) = proxy(answer, Duration::ZERO).await;
        let server = server(&url).await;
        for arguments in [json!({}), json!(null)] {
            let answer = server.call("list-egress-routes", arguments).await;
            assert_eq!((text(&answer), is_error(&answer)), (body, false));
        }
    }
}

#[tokio::test]
async fn what_fails_names_both_addresses() {
    let too_large = ok(&vec![b'x'; 1024 * 1024 + 1]);
    let table = [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n".to_vec(),
        b"nonsense".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx".to_vec(),
        Vec::new(),
        ok(b"\xff\xfe"),
        too_large,
    ];
    for bytes in table {
        let (url, _) = proxy(bytes.clone(), Duration::ZERO).await;
        let answer = server(&url).await.call("list-egress-routes", json!({})).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        assert!(is_error(&answer), "{shown}");
        let text = text(&answer);
        assert!(
            text.contains("http://_egress.local/allowlist") && text.contains(&url),
            "{shown}: {text}"
        );
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed}");
    let answer = server(&url).await.call("list-egress-routes", json!({})).await;
    assert!(is_error(&answer) && text(&answer).contains(&url));
}

#[tokio::test]
async fn a_silent_proxy_costs_five_seconds() {
    let (url, _) = proxy(ok(b"late"), Duration::from_secs(60)).await;
    let server = server(&url).await;
    let begun = std::time::Instant::now();
    let answer = server.call("list-egress-routes", json!({})).await;
    assert!(is_error(&answer) && text(&answer).contains("5 s"), "{answer}");
    assert!(begun.elapsed() > Duration::from_millis(4900) && begun.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn four_look_ups_run_at_once() {
    let (url, asked) = proxy(ok(b"fine"), Duration::from_secs(1)).await;
    let server = server(&url).await;
    let calls: Vec<_> = (0..4)
        .map(|_| server.spawn_call("list-egress-routes", json!({})))
        .collect();
    while asked.load(Ordering::SeqCst) < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let fifth = server.call("list-egress-routes", json!({})).await;
    assert!(is_error(&fifth) && text(&fifth).contains("again"), "{fifth}");
    for call in calls {
        assert_eq!(text(&call.await.unwrap()), "fine");
    }
    assert_eq!(text(&server.call("list-egress-routes", json!({})).await), "fine");
}

#[tokio::test]
async fn a_slow_look_up_streams() {
    let (url, _) = proxy(ok(b"fine"), Duration::from_millis(500)).await;
    let server = server(&url).await;
    let mut client = server.connect().await;
    let body = crate::bottle::call("list-egress-routes", json!({}));
    client.send_post(&body, &[("Accept", "text/event-stream")]).await;
    assert_eq!(
        client.head().await.unwrap().header("content-type"),
        Some("text/event-stream")
    );
    assert!(client.event().await.unwrap().starts_with(": "));
    assert!(client.event().await.unwrap().contains("fine"));
    assert_eq!(client.event().await, None);
}
