//! `egress-block`: the older name of `egress-allow`, "egress blocked me".

use super::egress_allow;
use crate::catalogue::AgentTool;
use crate::tool::Tool;

pub(crate) static TOOL: AgentTool = AgentTool {
    name: "egress-block",
    title: "Ask for a host (older name)",
    description: "The older name of egress-allow, for agents that learned it: same arguments, same request, and an \
        identical request under either name is one proposal. Prefer egress-allow.",
    annotations: egress_allow::PROPOSES,
    input_schema: egress_allow::input_schema,
    parse: |arguments| egress_allow::parse(Tool::EgressBlock, "egress-block", arguments),
};
