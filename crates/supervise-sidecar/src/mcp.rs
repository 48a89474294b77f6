//! Model Context Protocol: which generation a request belongs to, and the methods of each.

mod catalogue;
mod legacy;
mod modern;

use std::sync::Arc;

use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) use catalogue::{Catalogue, server_meta};

use crate::call::Read;
use crate::contain::{Panicked, contain_now};
use crate::exchange::{Caller, Reply, Served};
#[cfg(test)]
use crate::failpoint::{self, Point};
use crate::rpc::{self, Id, Message, Problem};
use crate::sidecar::Sidecar;

/// The revisions that begin with `initialize`, newest first.
pub(crate) const LEGACY_REVISIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// The stateless revision.
pub(crate) const MODERN_REVISION: &str = "2026-07-28";

const VERSION_HEADER: &str = "mcp-protocol-version";
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// The two ways of speaking the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Begins with `initialize`; a closed connection is no cancel.
    Legacy,
    /// Stateless; a closed connection is a cancel.
    Modern,
}

impl Generation {
    /// As far as the head tells.
    pub(crate) fn of_head(headers: &HeaderMap) -> Self {
        Generation::of(headers, &Map::new())
    }

    fn of(headers: &HeaderMap, params: &Map<String, Value>) -> Self {
        let says_modern = header(headers, VERSION_HEADER) == Ok(Some(MODERN_REVISION));
        if says_modern || meta(params).is_some_and(|meta| meta.contains_key(VERSION_KEY)) {
            Generation::Modern
        } else {
            Generation::Legacy
        }
    }

    /// As far as head and body tell of a request that can't be read as a whole.
    fn of_unread(headers: &HeaderMap, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Glance {
            params: Map<String, Value>,
        }
        let params = serde_json::from_slice(body).map(|Glance { params }| params);
        Generation::of(headers, &params.unwrap_or_default())
    }

    /// The HTTP status of an error. The legacy revisions put errors into a 200.
    fn status(self, code: i32) -> StatusCode {
        match (self, code) {
            (_, rpc::UNSUPPORTED_VERSION) => StatusCode::BAD_REQUEST,
            (Generation::Legacy, _) => StatusCode::OK,
            (Generation::Modern, rpc::METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
            (Generation::Modern, rpc::INTERNAL_ERROR) => StatusCode::INTERNAL_SERVER_ERROR,
            (Generation::Modern, _) => StatusCode::BAD_REQUEST,
        }
    }

    /// An error answer.
    pub(crate) fn refuse(self, id: &Id, problem: &Problem) -> Reply {
        Reply::new(self.status(problem.code), rpc::error(id, problem))
    }
}

/// Reads the message in `body`. Everything but a tool's call is served at once.
pub(crate) fn read(sidecar: &Arc<Sidecar>, caller: Caller, headers: &HeaderMap, body: &[u8]) -> Read {
    let refuse = |generation: Generation, id: &Id, problem: &Problem| {
        Read::Served(Served::Ready(generation.refuse(id, problem)))
    };
    let unread = |problem: &Problem| refuse(Generation::of_unread(headers, body), &Id::null(), problem);
    let message = match Message::parse(body) {
        Ok(message) => message,
        Err(problem) => return unread(&problem),
    };
    let params = message.params();
    let generation = match &params {
        Ok(params) => Generation::of(headers, params),
        Err(_) => Generation::of_unread(headers, body),
    };
    let Some(id) = &message.id else {
        if let Err(problem) = check_revision(headers, generation) {
            return refuse(generation, &Id::null(), &problem);
        }
        notified(sidecar, &caller, generation, &message);
        return Read::Served(Served::Accepted);
    };
    let params = match params {
        Ok(params) => params,
        Err(problem) if problem.code == rpc::PARSE_ERROR => return unread(&problem),
        Err(problem) => return refuse(generation, id, &problem),
    };
    let read = contain_now(|| {
        #[cfg(test)]
        failpoint::hit(Point::Method);
        match generation {
            Generation::Legacy => legacy::read(sidecar, caller, headers, id, &message.method, &params),
            Generation::Modern => modern::read(sidecar, caller, headers, id, &message.method, &params),
        }
    });
    let read = read.unwrap_or_else(|Panicked| Err(sidecar.panicked()));
    read.unwrap_or_else(|problem| refuse(generation, id, &problem))
}

/// The header may be absent, for some clients never send it; an unknown revision is refused.
fn check_revision(headers: &HeaderMap, generation: Generation) -> Result<(), Problem> {
    match header(headers, VERSION_HEADER) {
        Ok(None) => Ok(()),
        Ok(Some(version)) if LEGACY_REVISIONS.contains(&version) || version == MODERN_REVISION => Ok(()),
        Ok(Some(version)) => Err(unsupported(generation, version)),
        Err(()) => Err(unsupported(generation, "")),
    }
}

/// A notification of a known revision is accepted whatever it says; only a legacy cancel does anything.
fn notified(sidecar: &Sidecar, caller: &Caller, generation: Generation, message: &Message) {
    let cancels = generation == Generation::Legacy && message.method == "notifications/cancelled";
    if let Some(id) = message.cancelled_id().filter(|_| cancels) {
        sidecar.calls.cancel(caller.peer(), &id);
    }
}

/// A header's one value. Two values, or bytes outside ASCII, are an error: they could be read in two ways.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.trim())),
        _ => Err(()),
    }
}

fn meta(params: &Map<String, Value>) -> Option<&Map<String, Value>> {
    params.get("_meta").and_then(Value::as_object)
}

/// A modern client is told what `server/discover` tells it; a legacy one also what it could fall back to.
fn unsupported(generation: Generation, requested: &str) -> Problem {
    let legacy = match generation {
        Generation::Legacy => LEGACY_REVISIONS.as_slice(),
        Generation::Modern => &[],
    };
    let supported: Vec<_> = [MODERN_REVISION].iter().chain(legacy).collect();
    // What the client sent is shortened: it is only there so that a person finds it.
    let requested: String = requested.chars().take(100).collect();
    Problem {
        data: Some(json!({"supported": supported, "requested": requested})),
        ..Problem::new(rpc::UNSUPPORTED_VERSION, "unsupported protocol version")
    }
}

fn unknown_method(method: &str) -> Problem {
    let short: String = method.chars().take(100).collect();
    Problem::new(rpc::METHOD_NOT_FOUND, format!("unknown method: {short}"))
}
