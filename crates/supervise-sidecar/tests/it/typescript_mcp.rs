//! The official TypeScript clients, 1.x and 2.x. `SUPERVISE_MCP_NODE` names a folder that has them and Node.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::sdk::{Generation, Sdk, play};

/// An ES module finds its packages beside itself, so a copy of the script goes where they are.
fn script(folder: &Path, mode: &str) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/agent.mjs");
    let script = folder.join(format!("agent-{mode}.mjs"));
    fs::copy(source, &script).unwrap();
    script
}

async fn with(mode: &'static str, generation: Generation) {
    let folder: PathBuf = env::var_os("SUPERVISE_MCP_NODE")
        .expect("SUPERVISE_MCP_NODE is not set")
        .into();
    let script = script(&folder, mode);
    let node = folder.join("node_modules/node/bin/node");
    let program = vec![node.into(), script.into()];
    play(&Sdk {
        program,
        mode,
        generation,
    })
    .await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_NODE"]
async fn typescript_mcp_1() {
    with("v1", Generation::Legacy).await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_NODE"]
async fn typescript_mcp_2_legacy() {
    with("v2-legacy", Generation::Legacy).await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_NODE"]
async fn typescript_mcp_2_modern() {
    with("v2-2026-07-28", Generation::Modern).await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_NODE"]
async fn typescript_mcp_2_auto() {
    with("v2-auto", Generation::Modern).await;
}
