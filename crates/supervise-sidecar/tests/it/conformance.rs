//! The official conformance suite, in both revisions it has requirements for.
//!
//! `SUPERVISE_MCP_NODE` names a folder that has it and Node. What a server with tools alone can't answer stands in
//! `tests/conformance`, a reason on each line; the suite fails as well when such a line begins to pass.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use tokio::process::Command;

use crate::bottle::Server;

const SUITE: &str = "node_modules/@modelcontextprotocol/conformance";

async fn meets(revision: &str) {
    let folder: PathBuf = env::var_os("SUPERVISE_MCP_NODE")
        .expect("SUPERVISE_MCP_NODE is not set")
        .into();
    let server = Server::start().await;
    let results = tempfile::tempdir().unwrap();
    let output = Command::new(folder.join("node_modules/node/bin/node"))
        .arg(entry(&folder.join(SUITE)))
        .args(["server", "--requirements", revision])
        .args(["--url", &format!("http://{}/mcp", server.address)])
        .arg("--expected-failures")
        .arg(format!(
            "{}/tests/conformance/{revision}.yaml",
            env!("CARGO_MANIFEST_DIR")
        ))
        .arg("--output-dir")
        .arg(results.path())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let total = said
        .lines()
        .find(|line| line.starts_with("Total: "))
        .expect("no total");
    // Past the capture of the test's output: the figures belong in the log of a run that passes, too.
    let _ = writeln!(
        std::io::stderr(),
        "conformance {revision}: {total}; of the checks that count for the revision, all that fail are expected to"
    );
}

/// The program that the package says it has.
fn entry(package: &Path) -> PathBuf {
    let text = fs::read_to_string(package.join("package.json")).unwrap();
    let description: serde_json::Value = serde_json::from_str(&text).unwrap();
    let program = &description["bin"]["conformance"];
    package.join(program.as_str().expect("the package has no program"))
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_NODE"]
async fn conformance_2025_11_25() {
    meets("2025-11-25").await;
}

#[tokio::test]
#[ignore = "needs SUPERVISE_MCP_NODE"]
async fn conformance_2026_07_28() {
    meets("2026-07-28").await;
}
