//! The answers that never change, rendered once.

use bytes::Bytes;
use serde_json::{Value, json};
use supervise_core::{AgentTool, agent_tools};

use super::{LEGACY_REVISIONS, MODERN_REVISION};
use crate::rpc::to_json;

pub(crate) const SERVER_NAME: &str = "bot-bottle-supervise";
const INSTRUCTIONS: &str = "An operator decides on what you propose here. A call waits for the decision; if it ends \
    with status pending, call check-proposal with the id it names instead of proposing again.";
/// The tools change only with the program, so an hour of caching costs nothing.
const TTL_MS: u64 = 3_600_000;

/// What `_meta` of every modern result says about the server.
pub(crate) fn server_meta() -> Value {
    json!({"io.modelcontextprotocol/serverInfo": server_info()})
}

fn server_info() -> Value {
    json!({"name": SERVER_NAME, "version": env!("CARGO_PKG_VERSION")})
}

/// Results as JSON, ready to be put behind an id.
pub(crate) struct Catalogue {
    initialize: [Bytes; LEGACY_REVISIONS.len()],
    tools: Bytes,
    modern_tools: Bytes,
    discover: Bytes,
}

impl Catalogue {
    pub(crate) fn new() -> Self {
        let tools: Vec<Value> = agent_tools().iter().copied().map(tool).collect();
        Catalogue {
            initialize: LEGACY_REVISIONS.map(|revision| to_json(&initialize(revision)).into()),
            tools: to_json(&json!({"tools": tools})).into(),
            modern_tools: to_json(&modern(json!({"tools": tools}))).into(),
            discover: to_json(&modern(discover())).into(),
        }
    }

    /// The result of `initialize` in the asked revision, or in the newest legacy one.
    pub(super) fn initialize(&self, asked: Option<&str>) -> &[u8] {
        let known = LEGACY_REVISIONS
            .iter()
            .position(|revision| asked == Some(revision));
        &self.initialize[known.unwrap_or(0)]
    }

    pub(super) fn tools(&self) -> &[u8] {
        &self.tools
    }

    pub(super) fn modern_tools(&self) -> &[u8] {
        &self.modern_tools
    }

    pub(super) fn discover(&self) -> &[u8] {
        &self.discover
    }
}

fn tool(tool: &AgentTool) -> Value {
    json!({
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": (tool.input_schema)(),
        "annotations": tool.annotations,
    })
}

fn initialize(revision: &str) -> Value {
    json!({
        "protocolVersion": revision,
        "capabilities": {"tools": {"listChanged": false}},
        "serverInfo": server_info(),
        "instructions": INSTRUCTIONS,
    })
}

fn discover() -> Value {
    json!({
        "supportedVersions": [MODERN_REVISION],
        "capabilities": {"tools": {"listChanged": false}},
        "instructions": INSTRUCTIONS,
    })
}

/// Adds what a cacheable modern result carries.
fn modern(mut result: Value) -> Value {
    result["resultType"] = "complete".into();
    result["ttlMs"] = TTL_MS.into();
    result["cacheScope"] = "public".into();
    result["_meta"] = server_meta();
    result
}
