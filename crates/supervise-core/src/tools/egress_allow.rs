//! `egress-allow`: a host that the proxy should let through.

use serde_json::{Map, Value, json};

use super::arguments::{Arguments, justification_schema, object_schema};
use crate::catalogue::{AgentTool, Annotations, ArgumentError, Ask, Call};
use crate::route::{Auth, AuthScheme, MAX_PATH_PREFIXES, Route};
use crate::tool::Tool;

pub(crate) static TOOL: AgentTool = AgentTool {
    name: "egress-allow",
    title: "Ask for a host",
    description: "Ask the operator to let this container reach one more host. Call it when a request fails because \
        the egress proxy refuses the host or the path, or before you start work that needs a host you don't have \
        (list-egress-routes shows what is open). Ask for one host a call and as few path prefixes as the task needs. \
        The call waits for the operator. If the answer is pending, keep its proposal id and call check-proposal later \
        instead of asking again; after approved or modified, retry the request that failed.",
    annotations: PROPOSES,
    input_schema,
    parse: |arguments| parse(Tool::EgressAllow, "egress-allow", arguments),
};

/// Every call that queues a proposal: an identical one joins it, and only the operator changes anything.
pub(super) const PROPOSES: Annotations = Annotations {
    read_only_hint: false,
    destructive_hint: false,
    idempotent_hint: true,
    open_world_hint: false,
};

pub(super) fn input_schema() -> Value {
    let properties = json!({
        "host": {
            "type": "string",
            "maxLength": 253,
            "description": "One full DNS name, such as api.example.com. No URL, port, wildcard or IP address.",
        },
        "path_allowlist": {
            "type": ["array", "null"],
            "maxItems": MAX_PATH_PREFIXES,
            "items": {"type": "string", "pattern": "^/", "maxLength": 1024},
            "description": "Path prefixes to open, such as /v1/. Leave it out only if the task needs every path.",
        },
        "auth": {
            "type": ["object", "null"],
            "properties": {
                "scheme": {"enum": ["Bearer", "token"]},
                "token_ref": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$"},
            },
            "required": ["scheme", "token_ref"],
            "additionalProperties": false,
            "description": "A credential the proxy should add: the name of a variable on the host, never the token itself. \
                Ignored for a host that already has a route.",
        },
        "justification": justification_schema(),
    });
    object_schema(properties, &["host", "justification"])
}

pub(super) fn parse(
    tool: Tool,
    name: &'static str,
    object: &Map<String, Value>,
) -> Result<Call, ArgumentError> {
    let arguments = Arguments::new(name, object, &["host", "path_allowlist", "auth", "justification"])?;
    let host = arguments.text("host")?;
    let paths = path_allowlist(&arguments)?;
    let auth = auth(&arguments)?;
    let route = Route::new(host, paths, auth).map_err(|error| arguments.error(error.to_string()))?;
    let justification = arguments.justification()?;
    Ok(Call::Propose(Ask {
        tool,
        proposed_file: route.to_payload(),
        justification,
    }))
}

fn path_allowlist(arguments: &Arguments<'_>) -> Result<Vec<String>, ArgumentError> {
    let Some(value) = arguments.optional("path_allowlist") else {
        return Ok(Vec::new());
    };
    let items = value
        .as_array()
        .ok_or_else(|| arguments.error("'path_allowlist' must be an array of strings"))?;
    let text = |(at, item): (usize, &Value)| match item {
        Value::String(path) => Ok(path.clone()),
        _ => Err(arguments.error(format!("path_allowlist[{at}] must be a string"))),
    };
    items.iter().enumerate().map(text).collect()
}

fn auth(arguments: &Arguments<'_>) -> Result<Option<Auth>, ArgumentError> {
    let Some(value) = arguments.optional("auth") else {
        return Ok(None);
    };
    let object = value
        .as_object()
        .ok_or_else(|| arguments.error("'auth' must be an object: send {scheme, token_ref}"))?;
    if let Some(name) = object
        .keys()
        .find(|name| !["scheme", "token_ref"].contains(&name.as_str()))
    {
        return Err(arguments.error(format!(
            "unknown argument 'auth.{name}'; auth takes scheme and token_ref"
        )));
    }
    let scheme = match object.get("scheme").and_then(Value::as_str) {
        Some("Bearer") => AuthScheme::Bearer,
        Some("token") => AuthScheme::Token,
        _ => return Err(arguments.error("auth.scheme must be \"Bearer\" or \"token\"")),
    };
    let Some(token_ref) = object.get("token_ref").and_then(Value::as_str) else {
        return Err(
            arguments.error("auth.token_ref is required: the name of the host variable with the token")
        );
    };
    Ok(Some(Auth {
        scheme,
        token_ref: token_ref.to_owned(),
    }))
}
