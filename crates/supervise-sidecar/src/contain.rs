//! Panics: each ends only what it happened in, and is answered like any other internal error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

#[cfg(not(panic = "unwind"))]
compile_error!("a panic is contained by unwinding; build with panic = \"unwind\"");

/// Something panicked. What it said is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Runs a step; a panic is its end and no one else's.
///
/// What the steps here share is kept whole by itself: locks whose every change is one step, and channels.
pub(crate) fn contain_now<T>(step: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|_| Panicked)
}

/// Runs a future; a panic is its end and no one else's.
pub(crate) async fn contain<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match contain_now(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use serde_json::Value;
    use supervise_store::Queue;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use crate::Config;
    use crate::failpoint::{Point, arm};

    const ASK: &str = r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"egress-allow",
        "arguments":{"host":"api.example.com","justification":"why"}}}"#;
    const PING: &str = r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#;

    struct Server {
        address: SocketAddr,
        metrics: SocketAddr,
        queue: Queue,
        _dir: TempDir,
    }

    impl Server {
        async fn start() -> Server {
            let dir = tempfile::tempdir().unwrap();
            let mut config = Config::new("dev".parse().unwrap(), dir.path().join("queue"));
            config.response_timeout = Some(0.2);
            let queue = Queue::create(&config.queue_dir, &config.bottle).await.unwrap();
            let [agents, metrics] = [
                TcpListener::bind("127.0.0.1:0").await.unwrap(),
                TcpListener::bind("127.0.0.1:0").await.unwrap(),
            ];
            let server = Server {
                address: agents.local_addr().unwrap(),
                metrics: metrics.local_addr().unwrap(),
                queue: queue.clone(),
                _dir: dir,
            };
            let served = crate::serve_with_metrics(agents, metrics, queue, config, std::future::pending());
            tokio::spawn(served);
            server
        }

        async fn post(&self, body: &str, headers: &str) -> (String, Value) {
            let length = body.len();
            let head = format!("POST / HTTP/1.1\r\nHost: supervise\r\n{headers}Content-Length: {length}\r\n");
            let answer = exchange(self.address, &format!("{head}Connection: close\r\n\r\n{body}")).await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let json = body.lines().find_map(|line| line.find('{').map(|at| &line[at..]));
            (head.to_owned(), serde_json::from_str(json.unwrap()).unwrap())
        }

        async fn health(&self) -> String {
            exchange(
                self.address,
                "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            )
            .await
        }

        async fn panics(&self) -> String {
            let page = exchange(self.metrics, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            let line = page
                .lines()
                .find(|line| line.starts_with("supervise_panics_total"));
            line.unwrap().to_owned()
        }
    }

    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let whole = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(10), whole)
            .await
            .unwrap()
            .unwrap();
        answer
    }

    #[tokio::test]
    async fn a_panic_anywhere_in_a_call_is_an_internal_error() {
        let server = Server::start().await;
        let table = [
            (Point::Request, PING, Value::Null),
            (Point::Method, PING, "x".into()),
            (Point::Ask, ASK, "x".into()),
            (Point::Heard, ASK, "x".into()),
            (Point::Held, ASK, "x".into()),
        ];
        let mut panics = 0;
        for (point, body, id) in table {
            for headers in ["", "Accept: text/event-stream\r\n"] {
                arm(point);
                let (head, answer) = server.post(body, headers).await;
                assert!(head.starts_with("HTTP/1.1 200"), "{point:?}: {head}");
                assert_eq!(answer["error"]["code"], -32603, "{point:?}: {answer}");
                assert_eq!(answer["error"]["message"], "internal error");
                assert_eq!(answer["id"], id, "{point:?}");
                panics += 1;
                assert_eq!(server.panics().await, format!("supervise_panics_total {panics}"));
                // The next one is served.
                let (_, answer) = server.post(PING, "").await;
                assert_eq!(answer["result"], serde_json::json!({}));
            }
        }
        assert!(server.health().await.ends_with("\r\n\r\nok\n"));
        // None of the callers counts as having taken its proposal back.
        assert_eq!(server.queue.proposal_page().await.unwrap().proposals.len(), 1);
    }

    #[tokio::test]
    async fn a_modern_call_in_which_something_panics_takes_nothing_back() {
        let server = Server::start().await;
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"#;
        let body = ASK.replace(r#""params":{"#, &format!(r#""params":{{{meta}"#));
        let headers =
            "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: egress-allow\r\n";
        for point in [Point::Heard, Point::Held] {
            arm(point);
            let (head, answer) = server.post(&body, headers).await;
            assert!(head.starts_with("HTTP/1.1 500"), "{head}");
            assert_eq!(
                (&answer["error"]["code"], &answer["id"]),
                (&(-32603).into(), &"x".into())
            );
        }
        assert_eq!(server.queue.proposal_page().await.unwrap().proposals.len(), 1);
    }

    #[tokio::test]
    async fn when_the_store_dies_everybody_is_told_and_health_says_so() {
        let server = std::sync::Arc::new(Server::start().await);
        let held: Vec<_> = ["", "Accept: text/event-stream\r\n"]
            .map(|headers| {
                let server = std::sync::Arc::clone(&server);
                tokio::spawn(async move { server.post(ASK, headers).await })
            })
            .into();
        while server.queue.usage().await.unwrap().pending == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(server.queue.panic_in_task().await.is_err());
        for call in held {
            let (_, answer) = call.await.unwrap();
            assert_eq!(answer["error"]["code"], -32603, "{answer}");
        }
        for _ in 0..3 {
            let (head, answer) = server.post(ASK, "").await;
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            assert_eq!(
                (&answer["error"]["code"], &answer["id"]),
                (&(-32603).into(), &"x".into())
            );
            let health = server.health().await;
            assert!(health.starts_with("HTTP/1.1 503") && health.ends_with("store unavailable\n"));
        }
        let (_, answer) = server.post(PING, "").await;
        assert_eq!(answer["result"], serde_json::json!({}));
    }
}
