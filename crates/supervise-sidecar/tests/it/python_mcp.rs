//! The whole story with the Python SDK. `SUPERVISE_MCP_PYTHON` names an interpreter that has it.

use std::env;
use std::process::Stdio;

use serde_json::{Value, json};
use supervise_store::Verdict;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use crate::bottle::Server;

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let line = lines.next_line().await.unwrap().expect("the client ended early");
    serde_json::from_str(&line).unwrap()
}

async fn play(mode: &str) {
    let python = env::var_os("SUPERVISE_MCP_PYTHON").expect("SUPERVISE_MCP_PYTHON is not set");
    let server = Server::with_patience(3.0).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python_mcp.py");
    let mut client = Command::new(python)
        .args([script, &format!("http://{}/mcp", server.address), mode])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let tools = next(&mut lines).await;
    assert_eq!(
        (tools["tools"].as_array().unwrap().len(), &tools["tools"][0]),
        (6, &json!("egress-allow"))
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
        assert_eq!(next(&mut lines).await["calls"], "egress-allow");
        let id = server.decide(verdict.clone(), "n").await;
        let answer = next(&mut lines).await;
        let text = answer["text"].as_str().unwrap();
        assert!(
            text.starts_with(beginning) && text.ends_with(&format!("\nproposal: {id}")),
            "{text}"
        );
        assert_eq!(answer["is_error"], error);
        assert_eq!(text.contains(&file), matches!(verdict, Verdict::Modify { .. }));
    }
    assert_eq!(next(&mut lines).await["calls"], "egress-allow");
    let answer = next(&mut lines).await;
    assert!(
        answer["text"].as_str().unwrap().starts_with("status: pending\n"),
        "{answer}"
    );
    assert_eq!(next(&mut lines).await["calls"], "check-proposal");
    let id = server.decide(Verdict::Approve, "").await;
    let answer = next(&mut lines).await;
    assert_eq!(
        answer["text"],
        format!("status: approved\napplied: no\nproposal: {id}")
    );
    assert!(client.wait().await.unwrap().success());
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_PYTHON"]
async fn python_mcp_legacy() {
    play("legacy").await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_PYTHON"]
async fn python_mcp_modern() {
    play("2026-07-28").await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_PYTHON"]
async fn python_mcp_auto() {
    play("auto").await;
}
