//! The official Python client. `SUPERVISE_MCP_PYTHON` names an interpreter that has it.

use std::env;

use crate::sdk::{Generation, Sdk, play};

async fn with(mode: &'static str, generation: Generation) {
    let python = env::var_os("SUPERVISE_MCP_PYTHON").expect("SUPERVISE_MCP_PYTHON is not set");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python_mcp.py");
    let program = vec![python, script.into()];
    play(&Sdk {
        program,
        mode,
        generation,
    })
    .await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_PYTHON"]
async fn python_mcp_legacy() {
    with("legacy", Generation::Legacy).await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_PYTHON"]
async fn python_mcp_modern() {
    with("2026-07-28", Generation::Modern).await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_PYTHON"]
async fn python_mcp_auto() {
    with("auto", Generation::Modern).await;
}
