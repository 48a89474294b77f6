//! `withdraw-proposal`: takes back what is no longer needed.

use serde_json::{Map, Value, json};

use super::arguments::{Arguments, object_schema};
use crate::catalogue::{AgentTool, Annotations, ArgumentError, Call};

const NAME: &str = "withdraw-proposal";

pub(crate) static TOOL: AgentTool = AgentTool {
    name: NAME,
    title: "Take a proposal back",
    description: "Take back a proposal that the task no longer needs, so that the operator isn't asked about it. Every \
        call that waits for it ends. Has no effect once the operator has decided.",
    annotations: Annotations {
        read_only_hint: false,
        destructive_hint: true,
        idempotent_hint: true,
        open_world_hint: false,
    },
    input_schema,
    parse,
};

fn input_schema() -> Value {
    let properties = json!({
        "proposal_id": {"type": "string", "description": "The id from the answer's last line, \"proposal: …\"."},
    });
    object_schema(properties, &["proposal_id"])
}

fn parse(object: &Map<String, Value>) -> Result<Call, ArgumentError> {
    let arguments = Arguments::new(NAME, object, &["proposal_id"])?;
    Ok(Call::Withdraw {
        proposal_id: arguments.text("proposal_id")?.to_owned(),
    })
}
