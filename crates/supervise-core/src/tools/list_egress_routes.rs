//! `list-egress-routes`: what the proxy lets through now.

use serde_json::{Map, Value, json};

use super::arguments::{Arguments, object_schema};
use crate::catalogue::{AgentTool, Annotations, ArgumentError, Call};

const NAME: &str = "list-egress-routes";

pub(crate) static TOOL: AgentTool = AgentTool {
    name: NAME,
    title: "List open hosts",
    description: "List the hosts and path prefixes that the egress proxy lets this container reach right now. Call it \
        before asking for a host, to see whether it is open already. Asks nobody and changes nothing.",
    annotations: Annotations {
        read_only_hint: true,
        destructive_hint: false,
        idempotent_hint: true,
        open_world_hint: false,
    },
    input_schema: || object_schema(json!({}), &[]),
    parse,
};

fn parse(object: &Map<String, Value>) -> Result<Call, ArgumentError> {
    Arguments::new(NAME, object, &[])?;
    Ok(Call::ListRoutes)
}
