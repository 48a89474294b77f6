//! `gitleaks-allow`: the secret scanner asks for an exception.

use crate::catalogue::DaemonTool;
use crate::tool::Tool;

pub(crate) static TOOL: DaemonTool = DaemonTool {
    tool: Tool::GitleaksAllow,
    title: "Let a finding of the secret scanner pass",
    description: "The scanner stopped a push because a file looks as if it held a secret. Approving lets the finding \
        in the payload pass.",
};
