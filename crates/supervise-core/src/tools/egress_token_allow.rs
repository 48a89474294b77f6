//! `egress-token-allow`: the data-loss filter asks to let a token out.

use crate::catalogue::DaemonTool;
use crate::tool::Tool;

pub(crate) static TOOL: DaemonTool = DaemonTool {
    tool: Tool::EgressTokenAllow,
    title: "Let a token leave the bottle",
    description: "The data-loss filter stopped a request because it carries something that looks like a credential. \
        Approving lets the request in the payload pass.",
};
