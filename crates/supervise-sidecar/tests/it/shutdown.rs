//! Stopping: every held call is answered first.

use std::time::{Duration, Instant};

use crate::bottle::{Server, ask, borrowed, call, is_error, modern_call, proposal_id, text};

const STOPPING: &str = "status: pending\nnotes: the sidecar is stopping; proposal remains queued\n";

#[tokio::test]
async fn held_calls_are_answered_in_every_form() {
    let server = Server::start().await;
    let mut clients = Vec::new();
    let accept = ("Accept", "text/event-stream");
    for (n, accepts) in [vec![], vec![accept]].into_iter().enumerate() {
        let mut legacy = server.connect().await;
        legacy
            .send_post(
                &call("egress-allow", ask(&format!("legacy{n}.example.com"))),
                &accepts,
            )
            .await;
        let mut modern = server.connect().await;
        let (body, headers) = modern_call("egress-allow", ask(&format!("modern{n}.example.com")));
        let mut headers = borrowed(&headers);
        headers.extend(accepts);
        modern.send_post(&body, &headers).await;
        clients.extend([legacy, modern]);
    }
    let mut idle = server.connect().await;
    let mut half = server.connect().await;
    half.send("POST / HTTP/1.1\r\nHost: superv").await;
    server.pending(4).await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    let begun = Instant::now();
    let (bottle, task) = server.begin_stop();
    for client in &mut clients {
        let response = client.response().await;
        let body = response
            .body
            .lines()
            .rfind(|line| line.contains("result"))
            .unwrap_or_default();
        let answer = serde_json::from_str(body.trim_start_matches("data: ")).unwrap();
        assert!(
            text(&answer).starts_with(STOPPING) && !is_error(&answer),
            "{answer}"
        );
        assert_eq!(proposal_id(&answer).len(), 36);
        assert!(client.is_closed().await);
    }
    assert!(idle.is_closed().await && half.is_closed().await);
    task.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    // Nobody's call counts as cancelled.
    assert_eq!(bottle.pending().await.len(), 4);
}

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    let server = Server::start().await;
    let mut kept = server.connect().await;
    assert_eq!(
        kept.post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, &[])
            .await
            .status,
        200
    );
    let begun = Instant::now();
    let address = server.address;
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(kept.is_closed().await);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
