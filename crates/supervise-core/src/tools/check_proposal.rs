//! `check-proposal`: the answer to a proposal whose call has ended.

use serde_json::{Map, Value, json};

use super::arguments::{Arguments, object_schema};
use crate::catalogue::{AgentTool, Annotations, ArgumentError, Call};

const NAME: &str = "check-proposal";

pub(crate) static TOOL: AgentTool = AgentTool {
    name: NAME,
    title: "Ask what became of a proposal",
    description: "Ask for the operator's decision on a proposal that was still pending when its call ended. With the \
        proposal_id of that answer it waits for the decision like the first call did. Without one it lists at once \
        every proposal whose decision you haven't received. Changes nothing.",
    annotations: Annotations {
        read_only_hint: true,
        destructive_hint: false,
        idempotent_hint: true,
        open_world_hint: false,
    },
    input_schema,
    parse,
};

fn input_schema() -> Value {
    let properties = json!({
        "proposal_id": {
            "type": ["string", "null"],
            "description": "The id from the answer's last line, \"proposal: …\". Leave it out to list all.",
        },
    });
    object_schema(properties, &[])
}

fn parse(object: &Map<String, Value>) -> Result<Call, ArgumentError> {
    let arguments = Arguments::new(NAME, object, &["proposal_id"])?;
    Ok(Call::Check {
        proposal_id: arguments.optional_text("proposal_id")?.map(str::to_owned),
    })
}
