//! The metrics on their own port, in Prometheus' text format, and nowhere else.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr};

use serde_json::json;
use supervise_store::Verdict;

use crate::bottle::{Bottle, ask, call, proposal_id};
use crate::client::{Client, Response};
use crate::program::{signal, start};

const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Running {
    child: Child,
    address: SocketAddr,
    metrics: SocketAddr,
    bottle: Bottle,
    log: BufReader<ChildStderr>,
}

fn run(variables: &[(&str, &str)]) -> Running {
    let bottle = Bottle::new();
    supervise_store::prepare(&bottle.root, &bottle.slug).unwrap();
    let mut all = vec![("SUPERVISE_METRICS", "127.0.0.1:0")];
    all.extend(variables);
    let (child, address, mut log) = start(&bottle.queue_dir(), &all);
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let url = line.split("http://").nth(1).expect(&line);
    let metrics = url.trim().trim_end_matches("/metrics").parse().unwrap();
    Running {
        child,
        address,
        metrics,
        bottle,
        log,
    }
}

impl Running {
    async fn call(&self, name: &str, arguments: serde_json::Value) -> serde_json::Value {
        let body = call(name, arguments);
        Client::connect(self.address).await.post(&body, &[]).await.json()
    }

    async fn scrape(&self) -> BTreeMap<String, f64> {
        let response = get(self.metrics, SCRAPE).await;
        assert_eq!(response.status, 200);
        let content_type = response.header("content-type");
        assert_eq!(content_type, Some("text/plain; version=0.0.4; charset=utf-8"));
        parse(&response.body)
    }

    fn stop(mut self) {
        signal(&self.child, "TERM");
        assert!(self.child.wait().unwrap().success());
        drop(self.log);
    }
}

async fn get(address: SocketAddr, request: &str) -> Response {
    Client::connect(address).await.exchange(request).await
}

/// Reads a page as strictly as the format is written, and gives every sample by its name and labels.
fn parse(page: &str) -> BTreeMap<String, f64> {
    assert!(page.ends_with('\n') && page.is_ascii() && !page.contains("\n\n"));
    let mut samples = BTreeMap::new();
    let mut families = HashSet::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").expect(line).split_once(' ').unwrap();
        assert!(!help.trim().is_empty() && families.insert(name), "{line}");
        assert!(name.starts_with("supervise_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        let line = lines.next().unwrap();
        let kind = line.strip_prefix(&format!("# TYPE {name} ")).expect(line);
        assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        let mut own = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            assert!(
                value >= 0.0 && samples.insert(sample.to_owned(), value).is_none(),
                "{line}"
            );
            own.push((sample, value));
        }
        assert!(!own.is_empty(), "{name}");
        match kind {
            "histogram" => check_histogram(name, &own),
            "counter" | "gauge" => own.iter().for_each(|(sample, _)| {
                assert_eq!(sample.split('{').next(), Some(name), "{sample}");
            }),
            _ => panic!("{line}"),
        }
    }
    samples
}

fn check_histogram(name: &str, samples: &[(&str, f64)]) {
    assert!(name.ends_with("_seconds"));
    let [buckets @ .., (sum, _), (count, counted)] = samples else {
        panic!("{name}");
    };
    assert_eq!(
        (*sum, *count),
        (&*format!("{name}_sum"), &*format!("{name}_count"))
    );
    let bounds: Vec<f64> = buckets
        .iter()
        .map(|(sample, _)| {
            let bound = sample
                .strip_prefix(&format!("{name}_bucket{{le=\""))
                .expect(sample);
            bound.strip_suffix("\"}").unwrap().parse().unwrap()
        })
        .collect();
    assert!(bounds.is_sorted() && bounds.last() == Some(&f64::INFINITY));
    assert!(buckets.is_sorted_by_key(|(_, within)| *within));
    assert_eq!(buckets.last().unwrap().1, *counted);
}

#[tokio::test]
async fn what_happens_is_counted() {
    let running = run(&[
        // Long enough for a slow machine to decide the first within it.
        ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "3"),
        ("SUPERVISE_MAX_PENDING", "2"),
    ]);
    let before = running.scrape().await;
    assert_eq!(before["supervise_build_info{version=\"0.1.0\"}"], 1.0);
    assert_eq!(before["supervise_store_up"], 1.0);
    // One is decided while it is held, with a second caller that joined it.
    let mut decided = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(running.address).await;
        client
            .send_post(&call("egress-allow", ask("a.example.com")), &[])
            .await;
        decided.push(client);
    }
    let id = running.bottle.first_pending().await;
    while running.scrape().await["supervise_held_calls"] < 2.0 {}
    running.bottle.decide(&id, Verdict::Reject, "no").await;
    for client in &mut decided {
        client.response().await;
    }
    drop(decided);
    // One times out and is withdrawn, another stays; a third is past the limit.
    let timed_out = running.call("egress-allow", ask("b.example.com")).await;
    running.call("egress-allow", ask("c.example.com")).await;
    running.call("egress-allow", ask("d.example.com")).await;
    running
        .call(
            "withdraw-proposal",
            json!({"proposal_id": proposal_id(&timed_out)}),
        )
        .await;
    // Heads of all kinds.
    for head in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: supervise\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: supervise\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert!(get(running.address, head).await.status >= 400);
    }
    let after = running.scrape().await;
    let table = [
        ("opened_total", 3.0),
        ("joined_total", 1.0),
        ("decided_total{status=\"rejected\"}", 2.0),
        ("decided_total{status=\"approved\"}", 0.0),
        ("timed_out_total", 2.0),
        ("withdrawn_total", 1.0),
        ("refused_total{limit=\"pending\"}", 1.0),
        ("rejected_heads_total{reason=\"malformed\"}", 1.0),
        ("rejected_heads_total{reason=\"method\"}", 1.0),
        ("rejected_heads_total{reason=\"host\"}", 1.0),
        ("rejected_heads_total{reason=\"origin\"}", 1.0),
        ("held_calls", 0.0),
        ("queued_proposals", 1.0),
        ("hold_seconds_count", 4.0),
        ("answer_seconds_count", 2.0),
        ("panics_total", 0.0),
        ("internal_errors_total", 0.0),
    ];
    for (name, value) in table {
        assert_eq!(after[&format!("supervise_{name}")], value, "{name}: {after:#?}");
    }
    assert_eq!(after["supervise_connections_total"], 10.0);
    assert!(after["supervise_queue_bytes"] >= 4096.0);
    // The store goes, the page stays and says so.
    std::fs::remove_dir_all(running.bottle.queue_dir()).unwrap();
    let gone = running.scrape().await;
    assert_eq!(gone["supervise_store_up"], 0.0);
    assert!(!gone.contains_key("supervise_queued_proposals"));
    running.stop();
}

#[tokio::test]
async fn each_port_serves_its_own_and_nothing_of_the_other() {
    let running = run(&[]);
    for request in [
        "GET /metrics HTTP/1.1\r\nHost: supervise\r\n\r\n",
        "GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let response = get(running.address, request).await;
        assert_eq!(
            (response.status, response.body.as_str()),
            (405, "use POST for MCP requests\n")
        );
    }
    let response = Client::connect(running.address)
        .await
        .exchange("POST /metrics HTTP/1.1\r\nHost: supervise\r\nContent-Length: 2\r\n\r\n{}")
        .await;
    assert!(response.json()["error"]["code"] == -32600 && !response.body.contains("supervise_"));

    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let post = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{list}",
            list.len()
        )
    };
    let table = [
        (post("/"), 404),
        (post("/metrics"), 405),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 404),
        ("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 404),
        (
            "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
            403,
        ),
        ("GET /metrics HTTP/1.1\r\n\r\n".to_owned(), 400),
    ];
    for (request, status) in table {
        let response = get(running.metrics, &request).await;
        assert!(
            response.status == status && !response.body.contains("tools"),
            "{request}: {response:?}"
        );
    }
    // Those who only sit there keep no scrape out, and none of them counts as an agent's.
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(Client::connect(running.metrics).await);
    }
    let page = running.scrape().await;
    assert_eq!(page["supervise_connections_total"], 3.0);
    assert!(idle[0].is_closed().await);
    running.stop();
}

#[tokio::test]
async fn without_the_setting_nothing_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let variables = [("SUPERVISE_METRICS", " ")];
    let (mut child, address, mut log) = start(&dir.path().join("queue"), &variables);
    assert_eq!(
        get(address, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .status,
        200
    );
    signal(&child, "TERM");
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut log, &mut rest).unwrap();
    assert!(!rest.contains("metrics"), "{rest}");
}
