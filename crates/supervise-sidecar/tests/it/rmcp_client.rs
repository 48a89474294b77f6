//! The whole story with somebody else's client, rmcp, in both generations.

use rmcp::model::{CallToolRequestParams, CallToolResult, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{Peer, RoleClient};
use serde_json::{Value, json};
use supervise_store::Verdict;

use crate::bottle::{Server, ask};

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
    let server = Server::with_patience(1.0).await;
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
        (Verdict::Approve, "status: approved\nnotes: n\n", false),
        (
            Verdict::Modify {
                final_file: file.clone(),
            },
            "status: modified\nnotes: n\n",
            false,
        ),
        (Verdict::Reject, "status: rejected\nnotes: n\n", true),
    ];
    for (verdict, beginning, error) in table {
        let held = tokio::spawn(call(
            client.peer().clone(),
            "egress-allow",
            ask("api.example.com"),
        ));
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
    assert!(text.starts_with("status: pending\nnotes: operator response timed out after 1s;") && !is_error);
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

#[tokio::test]
async fn legacy() {
    play(ClientLifecycleMode::Initialize).await;
}

#[tokio::test]
async fn modern() {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    play(ClientLifecycleMode::Discover { preferred_versions }).await;
}

#[tokio::test]
async fn whichever_the_client_finds() {
    let lifecycle = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    };
    play(lifecycle).await;
}
