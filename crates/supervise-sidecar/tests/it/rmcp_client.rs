//! The whole story with somebody else's client, rmcp, in both generations.

use std::collections::BTreeMap;
use std::time::Duration;

use rmcp::model::{CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, PeerRequestOptions, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{Peer, RoleClient};
use serde_json::{Value, json};
use supervise_store::Verdict;
use tokio::time::sleep;

use crate::bottle::{Server, ask};
use crate::sdk::Generation;

type Client = RunningService<RoleClient, ()>;

async fn connect(server: &Server, lifecycle: ClientLifecycleMode) -> Client {
    let transport = StreamableHttpClientTransport::from_uri(format!("http://{}/mcp", server.address));
    ().serve_with_lifecycle(transport, lifecycle).await.unwrap()
}

async fn call(peer: Peer<RoleClient>, tool: &'static str, arguments: Value) -> (String, bool) {
    let request = CallToolRequestParams::new(tool).with_arguments(arguments.as_object().unwrap().clone());
    let CallToolResult {
        content,
        is_error,
        structured_content,
        ..
    } = peer.call_tool(request).await.unwrap();
    assert!(structured_content.is_none() && content.len() == 1);
    let text = content[0].as_text().unwrap().text.clone();
    (text, is_error.unwrap())
}

async fn play(lifecycle: ClientLifecycleMode) {
    let server = Server::with_patience(4.0).await;
    let client = connect(&server, lifecycle).await;
    let tools = client.list_all_tools().await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(
        (names.len(), names[0], names[4]),
        (6, "egress-allow", "check-proposal")
    );
    assert!(
        tools
            .iter()
            .all(|tool| tool.annotations.is_some() && tool.title.is_some())
    );

    let file = "{\n  \"host\": \"www.example.com\"\n}\n".to_owned();
    let table = [
        (Verdict::Approve, "status: approved\nnotes: n\n", false, 3),
        (
            Verdict::Modify {
                final_file: file.clone(),
            },
            "status: modified\nnotes: n\n",
            false,
            0,
        ),
        (Verdict::Reject, "status: rejected\nnotes: n\n", true, 0),
    ];
    for (verdict, beginning, error, seconds) in table {
        let held = tokio::spawn(call(
            client.peer().clone(),
            "egress-allow",
            ask("api.example.com"),
        ));
        server.pending(1).await;
        sleep(Duration::from_secs(seconds)).await;
        let id = server.decide(verdict.clone(), "n").await;
        let (text, is_error) = held.await.unwrap();
        assert!(
            text.starts_with(beginning) && text.ends_with(&format!("\nproposal: {id}")),
            "{text}"
        );
        assert_eq!(is_error, error);
        assert_eq!(text.contains(&file), matches!(verdict, Verdict::Modify { .. }));
    }

    let (text, is_error) = call(client.peer().clone(), "egress-allow", ask("late.example.com")).await;
    assert!(text.starts_with("status: pending\nnotes: operator response timed out after 4s;") && !is_error);
    let id = text
        .lines()
        .last()
        .unwrap()
        .strip_prefix("proposal: ")
        .unwrap()
        .to_owned();
    let check = tokio::spawn(call(
        client.peer().clone(),
        "check-proposal",
        json!({"proposal_id": id}),
    ));
    server.decide(Verdict::Approve, "").await;
    assert_eq!(
        check.await.unwrap(),
        (format!("status: approved\napplied: no\nproposal: {id}"), false)
    );
    client.cancel().await.unwrap();
}

fn asks(host: &str) -> ClientRequest {
    let arguments = ask(host).as_object().unwrap().clone();
    ClientRequest::from(CallToolRequest::new(
        CallToolRequestParams::new("egress-allow").with_arguments(arguments),
    ))
}

/// The question of a legacy client that is no longer there stays; a modern one's is taken back.
async fn ask_again(server: &Server, client: Client, generation: Generation, first: &str) {
    let again = || {
        tokio::spawn(call(
            client.peer().clone(),
            "egress-allow",
            ask("api.example.com"),
        ))
    };
    let (id, answer) = if generation == Generation::Legacy {
        // The notice may still be on its way; it must not take the question back when it arrives.
        sleep(Duration::from_millis(300)).await;
        let id = server.decide(Verdict::Approve, "").await;
        assert_eq!(id, first);
        (id, again().await)
    } else {
        server.pending(0).await;
        let held = again();
        let id = server.decide(Verdict::Approve, "").await;
        assert_ne!(id, first);
        (id, held.await)
    };
    assert_eq!(
        answer.unwrap(),
        (format!("status: approved\napplied: no\nproposal: {id}"), false)
    );
    client.cancel().await.unwrap();
}

async fn cancelled(lifecycle: ClientLifecycleMode, generation: Generation) {
    let server = Server::start().await;
    let client = connect(&server, lifecycle).await;
    let held = client
        .peer()
        .send_cancellable_request(asks("api.example.com"), PeerRequestOptions::no_options())
        .await
        .unwrap();
    let first = server.pending(1).await[0].proposal.id.clone();
    held.cancel(None).await.unwrap();
    ask_again(&server, client, generation, &first).await;
}

async fn vanished(lifecycle: ClientLifecycleMode, generation: Generation) {
    let server = Server::start().await;
    let client = connect(&server, lifecycle.clone()).await;
    let held = tokio::spawn(call(
        client.peer().clone(),
        "egress-allow",
        ask("api.example.com"),
    ));
    let first = server.pending(1).await[0].proposal.id.clone();
    held.abort();
    client.cancel().await.unwrap();
    let back = connect(&server, lifecycle).await;
    ask_again(&server, back, generation, &first).await;
}

/// Ten at once, five of them with one question: six proposals, ten answers.
async fn crowd(lifecycle: ClientLifecycleMode) {
    let server = Server::start().await;
    let mut held = Vec::new();
    for at in 0..10 {
        let host = if at < 5 {
            "same.example.com".to_owned()
        } else {
            format!("host-{at}.example.com")
        };
        let client = connect(&server, lifecycle.clone()).await;
        held.push(tokio::spawn(async move {
            let answer = call(client.peer().clone(), "egress-allow", ask(&host)).await;
            client.cancel().await.unwrap();
            (host, answer)
        }));
    }
    let mut ids = BTreeMap::new();
    for listed in server.crowd(6, 10).await {
        let id = listed.proposal.id;
        server.bottle.decide(&id, Verdict::Approve, "").await;
        let file: Value = serde_json::from_str(&listed.proposal.proposed_file).unwrap();
        ids.insert(file["host"].as_str().unwrap().to_owned(), id);
    }
    for one in held {
        let (host, answer) = one.await.unwrap();
        let id = &ids[&host];
        assert_eq!(
            answer,
            (format!("status: approved\napplied: no\nproposal: {id}"), false)
        );
    }
}

async fn stories(lifecycle: ClientLifecycleMode, generation: Generation) {
    play(lifecycle.clone()).await;
    cancelled(lifecycle.clone(), generation).await;
    vanished(lifecycle.clone(), generation).await;
    crowd(lifecycle).await;
}

#[tokio::test]
async fn legacy() {
    stories(ClientLifecycleMode::Initialize, Generation::Legacy).await;
}

#[tokio::test]
async fn modern() {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    stories(
        ClientLifecycleMode::Discover { preferred_versions },
        Generation::Modern,
    )
    .await;
}

#[tokio::test]
async fn whichever_the_client_finds() {
    let lifecycle = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    };
    stories(lifecycle, Generation::Modern).await;
}
