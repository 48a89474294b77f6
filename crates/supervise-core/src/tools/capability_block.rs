//! `capability-block`: a tool the image lacks.

use serde_json::{Map, Value, json};

use super::arguments::{Arguments, justification_schema, object_schema};
use super::egress_allow::PROPOSES;
use crate::catalogue::{AgentTool, ArgumentError, Ask, Call};
use crate::tool::Tool;

const NAME: &str = "capability-block";

pub(crate) static TOOL: AgentTool = AgentTool {
    name: NAME,
    title: "Ask for a change of the image",
    description: "Ask the operator to rebuild this container from a changed Dockerfile, when a program or library that \
        the task needs isn't installed and can't be. Read the present file at /etc/bot-bottle/current-config/Dockerfile, \
        change as little as you can and send the whole new file. The call waits for the operator; if the answer is \
        pending, call check-proposal with its id instead of asking again.",
    annotations: PROPOSES,
    input_schema,
    parse,
};

fn input_schema() -> Value {
    let properties = json!({
        "dockerfile": {
            "type": "string",
            "minLength": 1,
            "description": "The whole new Dockerfile, not a patch.",
        },
        "justification": justification_schema(),
    });
    object_schema(properties, &["dockerfile", "justification"])
}

fn parse(object: &Map<String, Value>) -> Result<Call, ArgumentError> {
    let arguments = Arguments::new(NAME, object, &["dockerfile", "justification"])?;
    let proposed_file = arguments.unblank_text("dockerfile")?.to_owned();
    let justification = arguments.justification()?;
    Ok(Call::Propose(Ask {
        tool: Tool::CapabilityBlock,
        proposed_file,
        justification,
    }))
}
