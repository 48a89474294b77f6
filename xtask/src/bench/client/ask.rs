//! Requests as bytes, built before the clock starts.

use serde_json::{Value, json};

/// What the caller can read.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Accept {
    /// One silent JSON answer.
    Json,
    /// An event stream with progress.
    Progress,
}

/// A call for a host that no other call names.
pub(super) fn propose(host: &str, accept: Accept) -> Vec<u8> {
    let mut params = json!({
        "name": "egress-block",
        "arguments": {
            "host": format!("{host}.bench.example"),
            "path_allowlist": ["/v1/data/"],
            "justification": "the build downloads its data from there",
        },
    });
    if accept == Accept::Progress {
        params["_meta"] = json!({"progressToken": host});
    }
    post("tools/call", &params, accept)
}

pub(super) fn list_tools() -> Vec<u8> {
    post("tools/list", &json!({}), Accept::Json)
}

fn post(method: &str, params: &Value, accept: Accept) -> Vec<u8> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let accept = match accept {
        Accept::Json => "application/json",
        Accept::Progress => "application/json, text/event-stream",
    };
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: {accept}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}
