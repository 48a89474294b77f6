//! HTTP as the contract has it, a row each.

use crate::bottle::Server;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[tokio::test]
async fn every_row_of_the_table() {
    let server = Server::start().await;
    let big = 1024 * 1024 + 1;
    let table = [
        ("GET /health HTTP/1.1\r\nHost: x", 200, "ok\n"),
        (
            "GET /health HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example",
            200,
            "ok\n",
        ),
        (
            "GET /health/ HTTP/1.1\r\nHost: supervise",
            405,
            "use POST for MCP requests\n",
        ),
        (
            "GET /health?x HTTP/1.1\r\nHost: supervise",
            405,
            "use POST for MCP requests\n",
        ),
        (
            "GET / HTTP/1.1\r\nHost: supervise",
            405,
            "use POST for MCP requests\n",
        ),
        (
            "GET /mcp HTTP/1.1\r\nHost: supervise\r\nAccept: text/event-stream",
            405,
            "use POST for MCP requests\n",
        ),
        (
            "DELETE /mcp HTTP/1.1\r\nHost: supervise",
            405,
            "method not allowed\n",
        ),
        (
            "PUT / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 0",
            405,
            "method not allowed\n",
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: supervise",
            405,
            "method not allowed\n",
        ),
        (
            "POST / HTTP/1.1\r\nHost: supervise",
            411,
            "Content-Length required\n",
        ),
        ("POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: x", 400, ""),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: -1",
            400,
            "",
        ),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 1, 1",
            400,
            "",
        ),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 1048577",
            413,
            "request body too large\n",
        ),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 99999999999999",
            413,
            "request body too large\n",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 2",
            400,
            "exactly one Host required\n",
        ),
        ("GET /health HTTP/1.1", 400, "exactly one Host required\n"),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nHost: supervise\r\nContent-Length: 2",
            400,
            "exactly one Host required\n",
        ),
        (
            "POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2",
            403,
            "Host not allowed\n",
        ),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nOrigin: http://evil.example\r\nContent-Length: 2",
            403,
            "Origin not allowed\n",
        ),
        (
            "POST / HTTP/1.1\r\nHost: supervise\r\nOrigin: null\r\nContent-Length: 2",
            403,
            "Origin not allowed\n",
        ),
    ];
    for (head, status, body) in table {
        let response = server.connect().await.exchange(&format!("{head}\r\n\r\n")).await;
        assert_eq!(
            (response.status, response.body.as_str()),
            (status, body),
            "{head}"
        );
        if !body.is_empty() {
            assert_eq!(
                response.header("content-type"),
                Some("text/plain; charset=utf-8"),
                "{head}"
            );
        }
        assert_eq!(
            response.header("allow"),
            (status == 405).then_some("POST"),
            "{head}"
        );
    }
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: supervise\r\nTransfer-Encoding: chunked\r\n\r\n{big:x}\r\n{}\r\n0\r\n\r\n",
        " ".repeat(big)
    );
    let response = server.connect().await.exchange(&chunked).await;
    assert_eq!(
        (response.status, response.body.as_str()),
        (413, "request body too large\n")
    );
}

#[tokio::test]
async fn head_has_no_body() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client
        .send("HEAD /health HTTP/1.1\r\nHost: supervise\r\n\r\n")
        .await;
    let response = client.head().await.unwrap();
    assert_eq!((response.status, response.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn any_path_and_any_way_of_stating_a_length_serves_mcp() {
    let server = Server::start().await;
    let length = PING.len();
    let length_header = format!("Content-Length: {length}");
    let whole = format!("{length:x}\r\n{PING}\r\n0\r\n\r\n");
    let (first, second) = PING.split_at(7);
    let parts = format!("7\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", second.len());
    let table = [
        ("/", length_header.as_str(), PING),
        ("/mcp", &length_header, PING),
        ("/a/b?c=d", &length_header, PING),
        ("/health", &length_header, PING),
        ("http://supervise:9100/mcp", &length_header, PING),
        ("/", "Transfer-Encoding: chunked", &whole),
        ("/", "Transfer-Encoding: chunked", &parts),
        (
            "/",
            "Content-Type: application/x-www-form-urlencoded\r\nAccept: */*\r\nTransfer-Encoding: chunked",
            &whole,
        ),
    ];
    for (path, headers, body) in table {
        let request = format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1:9100\r\n{headers}\r\n\r\n{body}");
        let response = server.connect().await.exchange(&request).await;
        assert_eq!(response.status, 200, "{path} {headers}");
        assert_eq!(response.body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let server = Server::start().await;
    let body = format!("{PING}{}", " ".repeat(1024 * 1024 - PING.len()));
    assert_eq!(server.post(&body).await.json()["result"], serde_json::json!({}));
}

#[tokio::test]
async fn connections_are_kept_and_requests_may_be_pipelined() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        assert_eq!(client.post(PING, &[]).await.status, 200);
    }
    let request = format!(
        "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: {}\r\n\r\n{PING}",
        PING.len()
    );
    client.send(&request.repeat(5)).await;
    for _ in 0..5 {
        assert_eq!(client.response().await.json()["id"], 1);
    }
    // HTTP/1.0 without keep-alive is answered and closed.
    let mut old = server.connect().await;
    let response = old.exchange(&request.replace("HTTP/1.1", "HTTP/1.0")).await;
    assert_eq!(response.status, 200);
    assert!(old.is_closed().await);
}

#[tokio::test]
async fn health_tells_when_the_store_is_gone() {
    let server = Server::start().await;
    std::fs::remove_dir_all(server.bottle.queue_dir()).unwrap();
    let response = server
        .connect()
        .await
        .exchange("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert_eq!(
        (response.status, response.body.as_str()),
        (503, "store unavailable\n")
    );
}

#[tokio::test]
async fn further_names_can_be_allowed() {
    let allow =
        |config: &mut supervise_sidecar::Config| config.allowed_hosts = vec!["gateway.example".to_owned()];
    let server = crate::bottle::Bottle::new().serve(allow).await;
    for (host, status) in [("gateway.example:80", 200), ("other.example", 403)] {
        let length = PING.len();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Length: {length}\r\n\r\n{PING}"
        );
        assert_eq!(
            server.connect().await.exchange(&request).await.status,
            status,
            "{host}"
        );
    }
}
