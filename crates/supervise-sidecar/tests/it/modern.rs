//! The stateless revision: what every request must say, and what every result says.

use serde_json::{Value, json};
use supervise_store::Verdict;

use crate::bottle::{Server, ask, borrowed, is_error, modern_call, modern_headers, modern_params, text};
use crate::client::Response;

const INFO: &str = "io.modelcontextprotocol/serverInfo";
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

async fn send(server: &Server, method: &str, params: Value, headers: &[(&'static str, String)]) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": "m", "method": method, "params": params}).to_string();
    server.connect().await.post(&body, &borrowed(headers)).await
}

async fn request(server: &Server, method: &str) -> Response {
    send(server, method, modern_params(), &modern_headers(method)).await
}

fn assert_complete(response: &Response) -> Value {
    let answer = response.json();
    assert_eq!(response.status, 200, "{answer}");
    assert_eq!(answer["result"]["resultType"], "complete");
    assert_eq!(answer["result"]["_meta"][INFO]["name"], "bot-bottle-supervise");
    answer
}

fn assert_refused(response: &Response, status: u16, code: i32, what: &str) {
    let answer = response.json();
    assert_eq!(
        (response.status, &answer["error"]["code"]),
        (status, &json!(code)),
        "{what}: {answer}"
    );
    assert!(answer.get("result").is_none());
}

#[tokio::test]
async fn discover_and_list() {
    let server = Server::start().await;
    let discover = assert_complete(&request(&server, "server/discover").await);
    assert_eq!(discover["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert!(discover["result"]["capabilities"]["tools"].is_object());
    let list = assert_complete(&request(&server, "tools/list").await);
    assert_eq!(list["result"]["tools"].as_array().unwrap().len(), 6);
    for answer in [discover, list] {
        assert!(answer["result"]["ttlMs"].is_u64() && answer["result"]["cacheScope"].is_string());
        assert_eq!(answer["id"], "m");
    }
}

#[tokio::test]
async fn a_held_call_is_answered_in_a_complete_result() {
    let server = Server::start().await;
    let (body, headers) = modern_call("egress-allow", ask("api.example.com"));
    let address = server.address;
    let call = tokio::spawn(async move {
        let mut client = crate::client::Client::connect(address).await;
        client.post(&body, &borrowed(&headers)).await
    });
    let id = server.decide(Verdict::Approve, "").await;
    let answer = assert_complete(&call.await.unwrap());
    assert_eq!(
        text(&answer),
        format!("status: approved\napplied: no\nproposal: {id}")
    );
}

#[tokio::test]
async fn bad_argument_values_are_results_that_the_model_sees() {
    let server = Server::start().await;
    let answer = assert_complete(&server.call_modern("egress-allow", ask("localhost")).await);
    assert!(is_error(&answer) && text(&answer).contains("'host'"), "{answer}");
    let unknown = server.call_modern("sudo", json!({})).await;
    assert_refused(&unknown, 400, -32602, "unknown tool");
    let no_object = server.call_modern("egress-allow", json!([])).await;
    assert_refused(&no_object, 400, -32602, "arguments");
}

#[tokio::test]
async fn headers_and_body_say_the_same() {
    let server = Server::start().await;
    let good = |name: &str| {
        let mut headers = modern_headers("tools/call");
        headers.push(("Mcp-Name", name.to_owned()));
        headers
    };
    let params = || {
        let mut params = modern_params();
        params["name"] = "check-proposal".into();
        params["arguments"] = json!({});
        params
    };
    assert_complete(&send(&server, "tools/call", params(), &good("check-proposal")).await);
    assert_complete(
        &send(
            &server,
            "tools/call",
            params(),
            &good("=?base64?Y2hlY2stcHJvcG9zYWw=?="),
        )
        .await,
    );
    for name in [
        "Check-Proposal",
        "",
        "=?base64?Y2hlY2s=?=",
        "=?base64?!?=",
        "check-proposal2",
    ] {
        assert_refused(
            &send(&server, "tools/call", params(), &good(name)).await,
            400,
            -32020,
            name,
        );
    }
    for missing in 0..3 {
        let mut headers = good("check-proposal");
        let (name, _) = headers.remove(missing);
        assert_refused(
            &send(&server, "tools/call", params(), &headers).await,
            400,
            -32020,
            name,
        );
    }
    for twice in 0..3 {
        let mut headers = good("check-proposal");
        headers.push(headers[twice].clone());
        let what = headers[twice].0;
        let response = send(&server, "tools/call", params(), &headers).await;
        assert_eq!(response.status, 400, "{what}");
    }
    assert_refused(
        &send(&server, "tools/list", params(), &good("check-proposal")).await,
        400,
        -32020,
        "method",
    );
    let mut older = params();
    older["_meta"][VERSION] = "2025-11-25".into();
    assert_refused(
        &send(&server, "tools/call", older, &good("check-proposal")).await,
        400,
        -32020,
        "version",
    );
}

#[tokio::test]
async fn revisions_and_required_members() {
    let server = Server::start().await;
    let headers = |version: &str| {
        vec![
            ("MCP-Protocol-Version", version.to_owned()),
            ("Mcp-Method", "tools/list".to_owned()),
        ]
    };
    let mut future = modern_params();
    future["_meta"][VERSION] = "2099-01-01".into();
    let response = send(&server, "tools/list", future, &headers("2099-01-01")).await;
    assert_refused(&response, 400, -32022, "future");
    let data = json!({"supported": ["2026-07-28"], "requested": "2099-01-01"});
    assert_eq!(response.json()["error"]["data"], data);

    let bare = send(&server, "tools/list", json!({}), &headers("2026-07-28")).await;
    assert_refused(&bare, 400, -32602, "no _meta");
    for key in [VERSION, CAPABILITIES] {
        let mut params = modern_params();
        params["_meta"].as_object_mut().unwrap().remove(key);
        assert_refused(
            &send(&server, "tools/list", params, &headers("2026-07-28")).await,
            400,
            -32602,
            key,
        );
    }
    let mut anonymous = modern_params();
    anonymous["_meta"]
        .as_object_mut()
        .unwrap()
        .remove("io.modelcontextprotocol/clientInfo");
    assert_complete(&send(&server, "tools/list", anonymous, &headers("2026-07-28")).await);
    // The body alone makes a request modern, and then the header is missing.
    assert_refused(
        &send(&server, "tools/list", modern_params(), &[]).await,
        400,
        -32020,
        "no headers",
    );
}

#[tokio::test]
async fn codes_pick_the_http_status() {
    let server = Server::start().await;
    for method in ["initialize", "ping", "resources/list", "nope"] {
        assert_refused(&request(&server, method).await, 404, -32601, method);
    }
    let headers = modern_headers("tools/list");
    let post = async |body: &str| server.connect().await.post(body, &borrowed(&headers)).await;
    assert_refused(&post("{").await, 400, -32700, "not JSON");
    assert_refused(&post("[]").await, 400, -32600, "batch");
    let null = json!({"jsonrpc": "2.0", "id": null, "method": "tools/list", "params": modern_params()});
    assert_refused(&post(&null.to_string()).await, 400, -32600, "id null");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": []});
    assert_refused(&post(&list.to_string()).await, 400, -32602, "params");
    let note = json!({"jsonrpc": "2.0", "method": "tools/list", "params": modern_params()});
    assert_eq!(post(&note.to_string()).await.status, 202);
    std::fs::remove_dir_all(server.bottle.queue_dir()).unwrap();
    let broken = server.call_modern("egress-allow", ask("api.example.com")).await;
    assert_refused(&broken, 500, -32603, "store");
}

#[tokio::test]
async fn a_bad_id_is_refused_as_modern_if_only_the_body_says_so() {
    let server = Server::start().await;
    for id in [json!(true), json!([1]), json!({}), json!("x".repeat(300))] {
        let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/list", "params": modern_params()});
        let response = server.post(&body.to_string()).await;
        assert_refused(&response, 400, -32600, &id.to_string());
        let legacy = json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"});
        assert_refused(&server.post(&legacy.to_string()).await, 200, -32600, "legacy");
    }
}

#[tokio::test]
async fn a_notification_of_an_unknown_revision_is_refused_and_does_nothing() {
    let server = Server::start().await;
    let held = server.spawn_call("egress-allow", ask("api.example.com"));
    server.pending(1).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let modern = json!({"jsonrpc": "2.0", "method": "tools/list", "params": modern_params()});
    for (version, status) in [("2099-01-01", 400), ("2026-07-28", 202), ("2025-06-18", 202)] {
        for body in [&cancel, &modern] {
            // The held call's id is 1: only a legacy cancel of a known revision may end it.
            if body == &cancel && version == "2025-06-18" {
                continue;
            }
            let headers = [("MCP-Protocol-Version", version)];
            let response = server.connect().await.post(&body.to_string(), &headers).await;
            assert_eq!(response.status, status, "{version} {body}");
            if status == 400 {
                assert_refused(&response, 400, -32022, version);
            }
        }
    }
    server.decide(Verdict::Approve, "").await;
    assert!(text(&held.await.unwrap()).starts_with("status: approved"));
}
