//! The revisions that begin with `initialize`.

use std::sync::Arc;

use hyper::HeaderMap;
use serde_json::{Map, Value};

use super::{Generation, check_revision, unknown_method};
use crate::call::{self, Read};
use crate::exchange::{Caller, Reply, Served, Voice};
use crate::rpc::{Id, Problem};
use crate::sidecar::Sidecar;

pub(super) fn read(
    sidecar: &Arc<Sidecar>,
    caller: Caller,
    headers: &HeaderMap,
    id: &Id,
    method: &str,
    params: &Map<String, Value>,
) -> Result<Read, Problem> {
    check_revision(headers, Generation::Legacy)?;
    let catalogue = &sidecar.catalogue;
    let result = match method {
        "initialize" => catalogue.initialize(params.get("protocolVersion").and_then(Value::as_str)),
        "ping" => b"{}",
        "tools/list" => catalogue.tools(),
        "tools/call" => {
            let voice = Voice::new(Generation::Legacy, id.clone());
            return call::read(sidecar, caller, voice, params);
        }
        _ => return Err(unknown_method(method)),
    };
    Ok(Read::Served(Served::Ready(Reply::result(id, result))))
}
