//! The list of tools. Agents' tools and daemons' tools are different types, so nothing that serves agents
//! can reach a daemon's tool by name.

use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::tool::Tool;
use crate::tools;

/// The most characters a justification may have.
pub const MAX_JUSTIFICATION_CHARS: usize = 4000;

/// A tool an agent can call over MCP.
#[derive(Debug)]
pub struct AgentTool {
    /// The name on the wire.
    pub name: &'static str,
    /// A few words for a person.
    pub title: &'static str,
    /// What it does and when to call it, for a model.
    pub description: &'static str,
    /// What a client may assume of a call.
    pub annotations: Annotations,
    /// The closed JSON Schema (2020-12) of its arguments.
    pub input_schema: fn() -> Value,
    /// Checks the arguments and says what the call asks for.
    pub parse: fn(&Map<String, Value>) -> Result<Call, ArgumentError>,
}

/// A tool that other programs on the host write proposals for. Never callable over MCP.
#[derive(Debug)]
pub struct DaemonTool {
    /// What rows name.
    pub tool: Tool,
    /// A few words for a person.
    pub title: &'static str,
    /// What approving it means.
    pub description: &'static str,
}

/// MCP's hints about a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotations {
    /// Changes nothing.
    pub read_only_hint: bool,
    /// May undo or remove something.
    pub destructive_hint: bool,
    /// Calling it again changes nothing more.
    pub idempotent_hint: bool,
    /// Reaches past this machine.
    pub open_world_hint: bool,
}

/// What a checked call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// To queue a proposal and wait for the operator.
    Propose(Ask),
    /// For the egress proxy's routes.
    ListRoutes,
    /// For the state of one proposal, or of all undelivered ones.
    Check {
        /// The proposal to wait for.
        proposal_id: Option<String>,
    },
    /// To take a proposal back.
    Withdraw {
        /// The proposal.
        proposal_id: String,
    },
}

/// A checked request: what a proposal is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The tool that was called.
    pub tool: Tool,
    /// The payload.
    pub proposed_file: String,
    /// The agent's reason.
    pub justification: String,
}

/// Why arguments were refused: names the argument and what to send instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{tool}: {problem}")]
pub struct ArgumentError {
    pub(crate) tool: &'static str,
    pub(crate) problem: String,
}

static AGENT_TOOLS: [&AgentTool; 6] = [
    &tools::egress_allow::TOOL,
    &tools::egress_block::TOOL,
    &tools::capability_block::TOOL,
    &tools::list_egress_routes::TOOL,
    &tools::check_proposal::TOOL,
    &tools::withdraw_proposal::TOOL,
];

static DAEMON_TOOLS: [&DaemonTool; 2] = [&tools::gitleaks_allow::TOOL, &tools::egress_token_allow::TOOL];

/// The tools an agent can call, in the stable order of `tools/list`.
pub fn agent_tools() -> &'static [&'static AgentTool] {
    &AGENT_TOOLS
}

/// The agents' tool of that name.
pub fn agent_tool(name: &str) -> Option<&'static AgentTool> {
    agent_tools().iter().copied().find(|tool| tool.name == name)
}

/// The tools other programs on the host write proposals for.
pub fn daemon_tools() -> &'static [&'static DaemonTool] {
    &DAEMON_TOOLS
}

/// The daemons' tool of that name.
pub fn daemon_tool(name: &str) -> Option<&'static DaemonTool> {
    daemon_tools()
        .iter()
        .copied()
        .find(|tool| tool.tool.name() == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;

    fn call(name: &str, arguments: Value) -> Result<Call, String> {
        let arguments = arguments.as_object().cloned().unwrap();
        (agent_tool(name).unwrap().parse)(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn every_agent_tool_is_whole() {
        let mut names = HashSet::new();
        for tool in agent_tools() {
            assert!(names.insert(tool.name));
            assert!(
                !tool.title.is_empty() && tool.description.len() > 40,
                "{}",
                tool.name
            );
            let schema = (tool.input_schema)();
            assert_eq!(schema["type"], "object", "{}", tool.name);
            assert_eq!(schema["additionalProperties"], false, "{}", tool.name);
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
            // What the schema doesn't name is refused, naming it.
            let error = (tool.parse)(json!({"sudo": 1}).as_object().unwrap())
                .unwrap_err()
                .to_string();
            assert!(error.contains("'sudo'"), "{error}");
        }
    }

    #[test]
    fn daemons_tools_are_not_callable() {
        for tool in daemon_tools() {
            assert!(agent_tool(tool.tool.name()).is_none());
            assert!(!tool.tool.is_agents());
        }
    }

    #[test]
    fn both_egress_tools_build_the_same_payload() {
        let arguments = json!({
            "host": "API.Example.com", "path_allowlist": ["/v1/"], "justification": "tests",
            "auth": {"scheme": "Bearer", "token_ref": "KEY"},
        });
        let Ok(Call::Propose(allow)) = call("egress-allow", arguments.clone()) else {
            panic!()
        };
        let Ok(Call::Propose(block)) = call("egress-block", arguments) else {
            panic!()
        };
        assert_eq!((allow.tool, block.tool), (Tool::EgressAllow, Tool::EgressBlock));
        assert_eq!(allow.proposed_file, block.proposed_file);
        assert!(
            allow
                .proposed_file
                .starts_with("{\n  \"host\": \"api.example.com\",\n")
        );
    }

    #[test]
    fn null_optional_arguments_are_absent() {
        let bare = call(
            "egress-allow",
            json!({"host": "example.com", "justification": "j"}),
        );
        let nulls =
            json!({"host": "example.com", "justification": "j", "path_allowlist": null, "auth": null});
        assert_eq!(call("egress-allow", nulls), bare);
        let empty = json!({"host": "example.com", "justification": "j", "path_allowlist": []});
        assert_eq!(call("egress-allow", empty), bare);
        assert_eq!(
            call("check-proposal", json!({"proposal_id": null})),
            Ok(Call::Check { proposal_id: None })
        );
    }

    #[test]
    fn bad_arguments_are_named() {
        let long = "j".repeat(MAX_JUSTIFICATION_CHARS + 1);
        let table = [
            ("egress-allow", json!({}), "'host' is required"),
            (
                "egress-allow",
                json!({"host": null, "justification": "j"}),
                "'host' is required",
            ),
            (
                "egress-allow",
                json!({"host": 1, "justification": "j"}),
                "'host' must be a string",
            ),
            (
                "egress-allow",
                json!({"host": "x:1", "justification": "j"}),
                "'host' holds a port",
            ),
            (
                "egress-allow",
                json!({"host": "example.com"}),
                "'justification' is required",
            ),
            (
                "egress-allow",
                json!({"host": "example.com", "justification": " \n"}),
                "'justification' is blank",
            ),
            (
                "egress-allow",
                json!({"host": "example.com", "justification": long}),
                "longer than 4000",
            ),
            (
                "egress-allow",
                json!({"host": "a.b", "justification": "j", "path_allowlist": "/"}),
                "'path_allowlist' must",
            ),
            (
                "egress-allow",
                json!({"host": "a.b", "justification": "j", "path_allowlist": [1]}),
                "path_allowlist[0] must be a string",
            ),
            (
                "egress-allow",
                json!({"host": "a.b", "justification": "j", "path_allowlist": ["/", "x"]}),
                "path_allowlist[1] must start with '/'",
            ),
            (
                "egress-allow",
                json!({"host": "a.b", "justification": "j", "auth": "x"}),
                "'auth' must be an object",
            ),
            (
                "egress-allow",
                json!({"host": "a.b", "justification": "j", "auth": {}}),
                "auth.scheme",
            ),
            (
                "egress-allow",
                json!({"host": "a.b", "justification": "j", "auth": {"scheme": "bearer", "token_ref": "X"}}),
                "auth.scheme",
            ),
            (
                "egress-allow",
                json!({"host": "a.b", "justification": "j", "auth": {"scheme": "token"}}),
                "auth.token_ref",
            ),
            (
                "egress-allow",
                json!({"host": "a.b", "justification": "j", "auth": {"scheme": "token", "token_ref": "a-b"}}),
                "auth.token_ref",
            ),
            (
                "egress-allow",
                json!({"host": "a.b", "justification": "j", "auth": {"scheme": "token", "token_ref": "X", "value": "s"}}),
                "'auth.value'",
            ),
            (
                "egress-block",
                json!({"host": "", "justification": "j"}),
                "egress-block: 'host' is blank",
            ),
            (
                "capability-block",
                json!({"justification": "j"}),
                "'dockerfile' is required",
            ),
            (
                "capability-block",
                json!({"dockerfile": " \n", "justification": "j"}),
                "'dockerfile' is blank",
            ),
            (
                "capability-block",
                json!({"dockerfile": "FROM x"}),
                "'justification' is required",
            ),
            (
                "check-proposal",
                json!({"proposal_id": 1}),
                "'proposal_id' must be a string",
            ),
            ("withdraw-proposal", json!({}), "'proposal_id' is required"),
        ];
        for (name, arguments, expected) in table {
            let error = call(name, arguments.clone()).unwrap_err();
            assert!(
                error.contains(expected) && error.starts_with(name),
                "{arguments}: {error}"
            );
        }
    }
}
