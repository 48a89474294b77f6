//! The stateless revision: every request says in headers and in `_meta` what it is.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::HeaderMap;
use serde_json::{Map, Value};

use super::{
    Generation, MODERN_REVISION, VERSION_HEADER, VERSION_KEY, header, meta, unknown_method, unsupported,
};
use crate::call::{self, Read};
use crate::exchange::{Caller, Reply, Served, Voice};
use crate::rpc::{self, Id, Problem};
use crate::sidecar::Sidecar;

const METHOD_HEADER: &str = "mcp-method";
const NAME_HEADER: &str = "mcp-name";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

pub(super) fn read(
    sidecar: &Arc<Sidecar>,
    caller: Caller,
    headers: &HeaderMap,
    id: &Id,
    method: &str,
    params: &Map<String, Value>,
) -> Result<Read, Problem> {
    if id.is_null() {
        return Err(Problem::new(
            rpc::INVALID_REQUEST,
            "the id must be a string or a number",
        ));
    }
    check_version(headers, params)?;
    check_header(headers, METHOD_HEADER, method)?;
    let catalogue = &sidecar.catalogue;
    let result = match method {
        "server/discover" => catalogue.discover(),
        "tools/list" => catalogue.modern_tools(),
        "tools/call" => {
            check_name(headers, params)?;
            let voice = Voice::new(Generation::Modern, id.clone());
            return call::read(sidecar, caller, voice, params);
        }
        _ => return Err(unknown_method(method)),
    };
    Ok(Read::Served(Served::Ready(Reply::result(id, result))))
}

/// Header and `_meta` name the same revision, and it is the one that is spoken here.
fn check_version(headers: &HeaderMap, params: &Map<String, Value>) -> Result<(), Problem> {
    let missing = |key: &str| Problem::params(format!("params._meta[\"{key}\"] is required"));
    let meta = meta(params).ok_or_else(|| missing(VERSION_KEY))?;
    let version = meta
        .get(VERSION_KEY)
        .and_then(Value::as_str)
        .ok_or_else(|| missing(VERSION_KEY))?;
    check_header(headers, VERSION_HEADER, version)?;
    if version != MODERN_REVISION {
        return Err(unsupported(Generation::Modern, version));
    }
    match meta.get(CAPABILITIES_KEY) {
        Some(Value::Object(_)) => Ok(()),
        _ => Err(missing(CAPABILITIES_KEY)),
    }
}

fn check_name(headers: &HeaderMap, params: &Map<String, Value>) -> Result<(), Problem> {
    let name = params.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| Problem::params("params.name must be a string"))?;
    check_header(headers, NAME_HEADER, name)
}

fn check_header(headers: &HeaderMap, name: &str, expected: &str) -> Result<(), Problem> {
    let mismatch = |problem: &str| Problem::new(rpc::HEADER_MISMATCH, format!("header {name} {problem}"));
    match header(headers, name) {
        Ok(Some(value)) if decoded(value).as_deref() == Some(expected) => Ok(()),
        Ok(Some(_)) => Err(mismatch("differs from the body")),
        Ok(None) => Err(mismatch("is missing")),
        Err(()) => Err(mismatch("stands there twice or is not ASCII")),
    }
}

/// A header's value, out of `=?base64?…?=` where it is wrapped so.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    let wrapped = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match wrapped {
        None => Some(Cow::Borrowed(value)),
        Some(base64) => String::from_utf8(decode_base64(base64)?).ok().map(Cow::Owned),
    }
}

/// Base64 in the standard alphabet. Padding may be left out, bits that say nothing must be zero.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for symbol in group {
            bits = bits << 6 | sextet(*symbol)?;
        }
        bits <<= 6 * (4 - group.len());
        let [_, whole @ ..] = bits.to_be_bytes();
        let kept = group.len().checked_sub(1).filter(|kept| *kept > 0)?;
        if whole[kept..].iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(&whole[..kept]);
    }
    Some(bytes)
}

fn sextet(symbol: u8) -> Option<u32> {
    let value = match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_values_are_unwrapped() {
        let table = [
            ("us-west1", Some("us-west1")),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", Some("Hello, 世界")),
            ("=?base64?IHBhZGRlZCA=?=", Some(" padded ")),
            ("=?base64?bGluZTEKbGluZTI=?=", Some("line1\nline2")),
            ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", Some("=?base64?literal?=")),
            ("=?base64??=", Some("")),
            ("=?BASE64?SGk=?=", Some("=?BASE64?SGk=?=")),
            ("=?base64?SGk", Some("=?base64?SGk")),
            ("=?base64?S?=", None),
            ("=?base64?SG!=?=", None),
            ("=?base64?SGl=?=", None),
            ("=?base64?/w==?=", None),
        ];
        for (value, expected) in table {
            assert_eq!(decoded(value).as_deref(), expected, "{value}");
        }
    }
}
