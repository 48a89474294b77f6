//! A bottle in a temporary root, its sidecar in this process, and its operator.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use supervise_core::{Root, Slug, Status};
use supervise_sidecar::{Config, serve};
use supervise_store::{DecisionRequest, Host, Listed, Queue, Sticky, Verdict};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::client::{Client, Response};

/// A bottle on disk.
pub(crate) struct Bottle {
    pub(crate) root: Root,
    pub(crate) slug: Slug,
    _dir: TempDir,
}

/// A bottle whose sidecar runs.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) bottle: Bottle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Bottle {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Bottle {
            root: Root::new(dir.path().join("root")),
            slug: "dev".parse().unwrap(),
            _dir: dir,
        }
    }

    pub(crate) fn queue_dir(&self) -> std::path::PathBuf {
        self.root.queue_dir(&self.slug)
    }

    /// Starts a sidecar with a short patience, configured further by `change`.
    pub(crate) async fn serve(self, change: impl FnOnce(&mut Config)) -> Server {
        supervise_store::prepare(&self.root, &self.slug).unwrap();
        let mut config = Config::new(self.slug.clone(), self.queue_dir());
        config.response_timeout = Some(20.0);
        change(&mut config);
        let queue = Queue::create(&config.queue_dir, &config.bottle).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, queue, config, async {
            let _ = stopped.await;
        }));
        Server {
            address,
            bottle: self,
            stop,
            task,
        }
    }

    /// What the operator sees.
    pub(crate) async fn pending(&self) -> Vec<Listed> {
        let queue = Queue::open_read_only(&self.queue_dir(), &self.slug)
            .await
            .unwrap();
        let page = queue.proposal_page().await.unwrap();
        queue.close().await;
        page.proposals
    }

    /// The id of the proposal that waits longest, once there is one.
    pub(crate) async fn first_pending(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            // The other process may not have made the queue yet.
            if let Ok(queue) = Queue::open_read_only(&self.queue_dir(), &self.slug).await {
                let page = queue.proposal_page().await.unwrap();
                queue.close().await;
                if let Some(listed) = page.proposals.first() {
                    return listed.proposal.id.clone();
                }
            }
            assert!(Instant::now() < deadline, "nothing is pending");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Decides as the operator's program does.
    pub(crate) async fn decide(&self, id: &str, verdict: Verdict, notes: &str) -> Status {
        self.decide_sticking(id, verdict, notes, Sticky::NONE).await
    }

    /// Rejects as the operator's program does, for so many seconds.
    pub(crate) async fn refuse(&self, id: &str, notes: &str, seconds: u64) {
        let sticky = Sticky::from_seconds(seconds).unwrap();
        self.decide_sticking(id, Verdict::Reject, notes, sticky).await;
    }

    async fn decide_sticking(&self, id: &str, verdict: Verdict, notes: &str, sticky: Sticky) -> Status {
        let queue = Queue::open(&self.queue_dir(), &self.slug).await.unwrap();
        let host = Host::create(&self.root).await.unwrap();
        let pending = queue.proposal_page().await.unwrap().proposals;
        let proposal = pending.iter().find(|one| one.proposal.id == id);
        let request = DecisionRequest {
            id: id.to_owned(),
            digest: proposal.expect("no such pending proposal").proposal.digest(),
            verdict,
            notes: notes.to_owned(),
            sticky,
            operator: "ada".to_owned(),
            via: "test".to_owned(),
        };
        let lock = host.bottle_lock(&self.slug).await.unwrap();
        let claimed = host.decision_claim(lock, &queue, request).await.unwrap();
        let intended = claimed.intend(String::new(), None).await.unwrap();
        let audited = intended.audit(false).await.unwrap();
        let decided = audited.answer().await.unwrap();
        queue.close().await;
        host.close().await;
        decided.status
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Bottle::new().serve(|_| ()).await
    }

    /// A server that gives up waiting after so many seconds.
    pub(crate) async fn with_patience(seconds: f64) -> Self {
        Bottle::new()
            .serve(|config| config.response_timeout = Some(seconds))
            .await
    }

    /// Tells the server to stop, and waits until it has.
    pub(crate) async fn stop(self) -> Bottle {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        self.bottle
    }

    /// Tells the server to stop; the answer is when it has.
    pub(crate) fn begin_stop(self) -> (Bottle, JoinHandle<()>) {
        self.stop.send(()).unwrap();
        (self.bottle, self.task)
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Posts a body as `curl -d` would.
    pub(crate) async fn post(&self, body: &str) -> Response {
        self.connect().await.post(body, &[]).await
    }

    /// Calls a tool in a legacy revision.
    pub(crate) async fn call(&self, name: &str, arguments: Value) -> Value {
        self.post(&call(name, arguments)).await.json()
    }

    /// Calls a tool from a task of its own.
    pub(crate) fn spawn_call(&self, name: &str, arguments: Value) -> JoinHandle<Value> {
        let (address, body) = (self.address, call(name, arguments));
        tokio::spawn(async move { Client::connect(address).await.post(&body, &[]).await.json() })
    }

    /// Calls a tool with a modern request.
    pub(crate) async fn call_modern(&self, name: &str, arguments: Value) -> Response {
        let (body, headers) = modern_call(name, arguments);
        self.connect().await.post(&body, &borrowed(&headers)).await
    }

    /// Waits until exactly so many proposals are pending.
    pub(crate) async fn pending(&self, count: usize) -> Vec<Listed> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let pending = self.bottle.pending().await;
            if pending.len() == count {
                return pending;
            }
            assert!(
                Instant::now() < deadline,
                "{} pending, not {count}",
                pending.len()
            );
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many proposals are pending and so many calls wait for them.
    pub(crate) async fn crowd(&self, proposals: usize, callers: usize) -> Vec<Listed> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let pending = self.pending(proposals).await;
            let joined: u64 = pending.iter().map(|one| one.joined).sum();
            if joined == (callers - proposals) as u64 {
                return pending;
            }
            assert!(Instant::now() < deadline, "{joined} calls joined");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for the one pending proposal and decides it.
    pub(crate) async fn decide(&self, verdict: Verdict, notes: &str) -> String {
        let id = self.pending(1).await[0].proposal.id.clone();
        self.bottle.decide(&id, verdict, notes).await;
        id
    }
}

/// The body of a legacy `tools/call`.
pub(crate) fn call(name: &str, arguments: Value) -> String {
    let params = json!({"name": name, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
}

/// Body and headers of a modern `tools/call`.
pub(crate) fn modern_call(name: &str, arguments: Value) -> (String, Vec<(&'static str, String)>) {
    let mut params = modern_params();
    params["name"] = name.into();
    params["arguments"] = arguments;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
    let mut headers = modern_headers("tools/call");
    headers.push(("Mcp-Name", name.to_owned()));
    (body, headers)
}

pub(crate) fn modern_params() -> Value {
    json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }})
}

pub(crate) fn modern_headers(method: &str) -> Vec<(&'static str, String)> {
    vec![
        ("MCP-Protocol-Version", "2026-07-28".to_owned()),
        ("Mcp-Method", method.to_owned()),
    ]
}

pub(crate) fn borrowed<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

/// Arguments of an ask for one host.
pub(crate) fn ask(host: &str) -> Value {
    json!({"host": host, "justification": "the tests need it"})
}

/// The text of a tool's result.
pub(crate) fn text(answer: &Value) -> &str {
    let result = &answer["result"];
    assert!(result["structuredContent"].is_null(), "{answer}");
    assert_eq!(result["content"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(result["content"][0]["type"], "text");
    result["content"][0]["text"].as_str().unwrap()
}

/// Whether a tool's result is an error.
pub(crate) fn is_error(answer: &Value) -> bool {
    answer["result"]["isError"].as_bool().unwrap()
}

/// The id on the last line.
pub(crate) fn proposal_id(answer: &Value) -> String {
    let last = text(answer).lines().last().unwrap_or_default();
    last.strip_prefix("proposal: ")
        .expect("no id on the last line")
        .to_owned()
}
