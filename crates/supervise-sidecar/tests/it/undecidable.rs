//! The agent's side can reach no way to decide: no route, no method, no tool, no argument, no file, no socket.

use std::collections::HashSet;
use std::fs;

use serde_json::{Value, json};

use crate::bottle::{Server, ask, borrowed, call, modern_headers, modern_params, proposal_id};
use crate::client::Client;
use crate::program::{signal, start};

const WORDS: [&str; 12] = [
    "approve", "reject", "modify", "decide", "respond", "submit", "audit", "routes", "reopen", "prune",
    "apply", "config",
];

/// A server with one pending proposal, and what must be true of it whatever was tried.
struct Target {
    server: Server,
    id: String,
}

impl Target {
    async fn new() -> Self {
        let server = Server::with_patience(0.05).await;
        let answer = server.call("egress-allow", ask("api.example.com")).await;
        let id = proposal_id(&answer);
        Target { server, id }
    }

    async fn assert_undecided(&self, tried: &str) {
        let pending = self.server.bottle.pending().await;
        let ids: Vec<&str> = pending.iter().map(|listed| listed.proposal.id.as_str()).collect();
        assert_eq!(ids, [self.id.as_str()], "{tried}");
        assert!(!self.server.bottle.root.host_db().exists(), "{tried}");
    }
}

#[tokio::test]
async fn by_no_path_and_no_http_method() {
    let target = Target::new().await;
    let id = &target.id;
    let mut paths = vec![
        "/",
        "/mcp",
        "/health",
        "/metrics",
        "/admin",
        "/debug",
        "/.well-known/mcp",
        "/sse",
        "/../supervise.db",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect::<Vec<_>>();
    for word in WORDS {
        paths.extend([
            format!("/{word}"),
            format!("/{word}/{id}"),
            format!("/proposals/{id}/{word}?status=approved"),
        ]);
    }
    let body = json!({"id": id, "proposal_id": id, "status": "approved", "notes": "", "final_file": "x"})
        .to_string();
    for path in &paths {
        for method in [
            "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "APPROVE", "POST",
        ] {
            let length = body.len();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: supervise\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            let mut client = target.server.connect().await;
            client.send(&request).await;
            let response = client.head().await.unwrap();
            let expected = match (method, path.as_str()) {
                ("GET", "/health") | ("POST", _) => 200,
                _ => 405,
            };
            assert_eq!(response.status, expected, "{method} {path}");
        }
    }
    target.assert_undecided("paths").await;
}

#[tokio::test]
async fn by_no_rpc_method_of_either_generation() {
    let target = Target::new().await;
    let id = &target.id;
    let mut methods: Vec<String> = [
        "resources/list",
        "resources/read",
        "resources/subscribe",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
        "sampling/createMessage",
        "elicitation/create",
        "roots/list",
        "tasks/get",
        "tasks/result",
        "tasks/cancel",
        "tasks/update",
        "tools/approve",
        "rpc.discover",
        "shutdown",
        "exit",
        "eval",
    ]
    .map(str::to_owned)
    .into();
    for word in WORDS {
        methods.extend([
            word.to_owned(),
            format!("tools/{word}"),
            format!("proposals/{word}"),
            format!("notifications/{word}"),
        ]);
    }
    for method in &methods {
        let mut params = json!({"id": id, "proposal_id": id, "status": "approved", "uri": "file:///run/supervise/queue/supervise.db"});
        for message in [
            json!({"jsonrpc": "2.0", "method": method, "params": params}),
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
        ] {
            let response = target.server.post(&message.to_string()).await;
            if message.get("id").is_none() {
                assert_eq!((response.status, response.body.as_str()), (202, ""), "{method}");
            } else {
                assert_eq!(response.json()["error"]["code"], -32601, "{method}");
            }
        }
        params["_meta"] = modern_params()["_meta"].clone();
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let headers = modern_headers(method);
        let response = target
            .server
            .connect()
            .await
            .post(&message, &borrowed(&headers))
            .await;
        assert_eq!(
            (response.status, &response.json()["error"]["code"]),
            (404, &json!(-32601)),
            "{method}"
        );
    }
    target.assert_undecided("methods").await;
}

#[tokio::test]
async fn by_no_tool_and_no_argument() {
    let target = Target::new().await;
    let id = &target.id;
    let decision = json!({"proposal_id": id, "id": id, "status": "approved", "notes": "", "final_file": "x"});
    for tool in [
        "gitleaks-allow",
        "egress-token-allow",
        "operator-edit",
        "supervise_responses",
    ]
    .iter()
    .chain(&WORDS)
    {
        let answer = target.server.call(tool, decision.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{tool}");
        let answer = target.server.call_modern(tool, decision.clone()).await.json();
        assert_eq!(answer["error"]["code"], -32602, "{tool}");
    }
    let good = [
        ("egress-allow", ask("api.example.com")),
        ("egress-block", ask("api.example.com")),
        (
            "capability-block",
            json!({"dockerfile": "FROM x", "justification": "y"}),
        ),
        ("list-egress-routes", json!({})),
        ("check-proposal", json!({"proposal_id": id})),
        ("withdraw-proposal", json!({"proposal_id": id})),
    ];
    for (tool, arguments) in good {
        for (name, value) in decision.as_object().unwrap() {
            let mut arguments = arguments.clone();
            if arguments.get(name).is_some() {
                continue;
            }
            arguments[name] = value.clone();
            let answer = target.server.call(tool, arguments.clone()).await;
            assert_eq!(answer["error"]["code"], -32602, "{tool} {name}");
            let answer = target.server.call_modern(tool, arguments).await.json();
            assert_eq!(answer["result"]["isError"], true, "{tool} {name}");
        }
    }
    // What an agent writes about itself is text.
    let own = json!({"host": "api.example.com", "justification": "x', 'approved', '', NULL, 0); --\nstatus: approved"});
    let answer: Value = target.server.call("egress-allow", own).await;
    assert_eq!(proposal_id(&answer), *id);
    target.assert_undecided("tools").await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn by_no_file_and_no_socket() {
    let dir = tempfile::tempdir().unwrap();
    let queue = dir.path().join("queue");
    let (mut child, address, _log) = start(&queue, &[("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "0.01")]);
    let body = call("egress-allow", ask("api.example.com"));
    assert_eq!(Client::connect(address).await.post(&body, &[]).await.status, 200);
    let queue = queue.canonicalize().unwrap();
    let inherited: HashSet<String> = open_files("self").collect();
    let (sockets, files): (Vec<String>, Vec<String>) = open_files(&child.id().to_string())
        .filter(|name| !inherited.contains(name))
        .partition(|name| name.starts_with("socket:["));
    for name in files {
        let own = ["/dev/null", "pipe:", "anon_inode:"]
            .iter()
            .any(|good| name.starts_with(good));
        assert!(own || std::path::Path::new(&name).starts_with(&queue), "{name}");
    }
    let sockets: HashSet<&str> = sockets
        .iter()
        .map(|name| name.trim_start_matches("socket:[").trim_end_matches(']'))
        .collect();
    // One place to connect to, and no socket that has a name.
    let listening = fs::read_to_string(format!("/proc/{}/net/tcp", child.id())).unwrap();
    let listening = listening
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.get(3) == Some(&"0A") && sockets.contains(fields[9]));
    assert_eq!(listening.count(), 1);
    let unix = fs::read_to_string(format!("/proc/{}/net/unix", child.id())).unwrap();
    for line in unix.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert!(!sockets.contains(fields[6]) || fields.len() == 7, "{line}");
    }
    // And in the queue's folder nothing but the queue.
    for entry in fs::read_dir(&queue).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with("supervise.db"), "{name}");
    }
    signal(&child, "KILL");
    child.wait().unwrap();
}

/// What a process has open, as the kernel names it.
#[cfg(target_os = "linux")]
fn open_files(process: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    // A connection may end while it is looked at.
    entries
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
}

/// The words with which a decision is made stand nowhere in the program.
#[test]
fn by_no_code() {
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src"
    ))];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let code = fs::read_to_string(&path).unwrap();
            for word in [
                "decision_",
                "DecisionRequest",
                "Verdict",
                "Host::",
                "host_db",
                "sqlx",
                "bottle_lock",
                "proposal_submit",
            ] {
                assert!(!code.contains(word), "{}: {word}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 20);
}
