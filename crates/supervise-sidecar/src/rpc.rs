//! JSON-RPC 2.0: reading one message, and writing one answer around an id that is echoed byte for byte.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::unique::Unique;

pub(crate) const PARSE_ERROR: i32 = -32700;
pub(crate) const INVALID_REQUEST: i32 = -32600;
pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
pub(crate) const INVALID_PARAMS: i32 = -32602;
pub(crate) const INTERNAL_ERROR: i32 = -32603;
/// MCP's own: a header is missing or says something else than the body.
pub(crate) const HEADER_MISMATCH: i32 = -32020;
/// MCP's own: a revision this server doesn't speak.
pub(crate) const UNSUPPORTED_VERSION: i32 = -32022;

const TWICE: &str = "a key of the JSON-RPC object stands there twice";

/// Ids and progress tokens are kept as long as a call is held.
pub(crate) const MAX_ID_BYTES: usize = 256;

/// A request's id as the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Id(Box<str>);

impl Id {
    pub(crate) fn null() -> Self {
        Id("null".into())
    }

    pub(crate) fn is_null(&self) -> bool {
        &*self.0 == "null"
    }

    /// Reads an id: a string, a number or null. JSON's grammar also allows half a surrogate pair and numbers
    /// that fit into nothing; an answer with such an id is one that many clients couldn't read.
    pub(crate) fn from_raw(raw: &RawValue) -> Result<Self, &'static str> {
        let text = raw.get();
        if text.len() > MAX_ID_BYTES {
            return Err("the id is longer than 256 bytes");
        }
        match serde_json::from_str(text) {
            Ok(Value::String(_) | Value::Number(_) | Value::Null) => Ok(Id(text.into())),
            _ => Err("the id must be a string or a number"),
        }
    }
}

/// A request, or a notification when it has no id.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: Option<Id>,
    pub(crate) method: String,
    params: Option<Box<RawValue>>,
    twice: bool,
}

/// An error answer: its code picks the HTTP status where the revision asks for one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) code: i32,
    pub(crate) message: Cow<'static, str>,
    pub(crate) data: Option<Value>,
}

impl Problem {
    pub(crate) fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Problem {
            code,
            message: message.into(),
            data: None,
        }
    }

    pub(crate) fn params(message: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(INVALID_PARAMS, message)
    }

    /// What went wrong stands in the log only.
    pub(crate) fn internal() -> Self {
        Problem::new(INTERNAL_ERROR, "internal error")
    }
}

/// The members of a message. A member that stands there twice could be read in two ways, so it is refused, one that
/// means nothing here too: it may to whoever looked at the message before.
#[derive(Default)]
struct Envelope<'a> {
    jsonrpc: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    /// Whether that is so of one that means nothing here. The id is clear then, and is answered under.
    twice: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeReader)
    }
}

struct EnvelopeReader;

impl<'de> Visitor<'de> for EnvelopeReader {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let mut envelope = Envelope::default();
        let mut others = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let member = match key.as_str() {
                "jsonrpc" => &mut envelope.jsonrpc,
                "id" => &mut envelope.id,
                "method" => &mut envelope.method,
                "params" => &mut envelope.params,
                _ => {
                    let value: &RawValue = map.next_value()?;
                    let within = serde_json::from_str::<Unique>(value.get());
                    envelope.twice |= within.is_err_and(|error| error.is_data()) || !others.insert(key);
                    continue;
                }
            };
            if member.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom(TWICE));
            }
        }
        Ok(envelope)
    }
}

impl Message {
    /// Reads a body. The message of a problem never repeats the body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let envelope = parse_envelope(body)?;
        let text =
            |raw: Option<&RawValue>| raw.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let invalid = |problem: &'static str| Problem::new(INVALID_REQUEST, problem);
        if text(envelope.jsonrpc).as_deref() != Some("2.0") {
            return Err(invalid("jsonrpc must be \"2.0\""));
        }
        let method = text(envelope.method).ok_or_else(|| invalid("method must be a string"))?;
        let id = envelope.id.map(Id::from_raw).transpose().map_err(invalid)?;
        Ok(Message {
            id,
            method,
            params: envelope.params.map(ToOwned::to_owned),
            twice: envelope.twice,
        })
    }

    /// The params, with null and nothing counted as empty. A key that stands in an object twice is a problem
    /// at any depth.
    pub(crate) fn params(&self) -> Result<Map<String, Value>, Problem> {
        if self.twice {
            return Err(Problem::new(INVALID_REQUEST, TWICE));
        }
        let Some(raw) = &self.params else {
            return Ok(Map::new());
        };
        let Unique(params) = serde_json::from_str(raw.get()).map_err(|error| match error.is_data() {
            true => Problem::params("a key in params stands in its object twice"),
            false => not_json(),
        })?;
        match params {
            Value::Null => Ok(Map::new()),
            Value::Object(params) => Ok(params),
            _ => Err(Problem::params("params must be an object")),
        }
    }

    /// The id a `notifications/cancelled` names, as the client wrote it.
    pub(crate) fn cancelled_id(&self) -> Option<Id> {
        #[derive(Deserialize)]
        struct Cancelled<'a> {
            #[serde(borrow, rename = "requestId")]
            request_id: &'a RawValue,
        }
        if self.twice {
            return None;
        }
        let params: Cancelled<'_> = serde_json::from_str(self.params.as_ref()?.get()).ok()?;
        Id::from_raw(params.request_id).ok()
    }
}

fn parse_envelope(body: &[u8]) -> Result<Envelope<'_>, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| not_json())?;
    let begins_object = text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{');
    if !begins_object {
        serde_json::from_str::<Value>(text).map_err(|_| not_json())?;
        return Err(Problem::new(
            INVALID_REQUEST,
            "the body must be one JSON-RPC object",
        ));
    }
    serde_json::from_str(text).map_err(|error| match error.is_data() {
        true => Problem::new(INVALID_REQUEST, TWICE),
        false => not_json(),
    })
}

fn not_json() -> Problem {
    Problem::new(PARSE_ERROR, "the body is not JSON")
}

/// `{"jsonrpc":"2.0","id":…,"result":…}` and a newline, around a result that is JSON already.
pub(crate) fn result(id: &Id, result: &[u8]) -> Bytes {
    splice(id, b"result", result)
}

/// The answer to a request that can't be served.
pub(crate) fn error(id: &Id, problem: &Problem) -> Bytes {
    #[derive(Serialize)]
    struct Error<'a> {
        code: i32,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Value>,
    }
    let error = Error {
        code: problem.code,
        message: &problem.message,
        data: problem.data.as_ref(),
    };
    splice(id, b"error", &to_json(&error))
}

/// JSON of a value that JSON can always hold: strings, numbers and maps of them.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn splice(id: &Id, member: &[u8], json: &[u8]) -> Bytes {
    let parts: [&[u8]; 7] = [
        b"{\"jsonrpc\":\"2.0\",\"id\":",
        id.0.as_bytes(),
        b",\"",
        member,
        b"\":",
        json,
        b"}\n",
    ];
    parts.concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> i32 {
        Message::parse(body.as_bytes()).unwrap_err().code
    }

    #[test]
    fn an_id_comes_back_as_it_was_written() {
        for id in [
            "1",
            "-0.50",
            "1e3",
            "\"a\\u0062\"",
            "null",
            "123456789012345678901234567890",
            "\"\"",
        ] {
            let body = format!("{{\"jsonrpc\": \"2.0\", \"id\": {id} , \"method\": \"ping\"}}");
            let message = Message::parse(body.as_bytes()).unwrap();
            let answer = result(&message.id.unwrap(), b"{}");
            assert_eq!(
                answer,
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n")
            );
        }
    }

    #[test]
    fn what_is_no_request_is_told_from_what_is_no_json() {
        let table = [
            ("", PARSE_ERROR),
            ("{", PARSE_ERROR),
            ("nope", PARSE_ERROR),
            ("{\"jsonrpc\":\"2.0\"} x", PARSE_ERROR),
            ("[1, 2]", INVALID_REQUEST),
            ("[]", INVALID_REQUEST),
            ("\"x\"", INVALID_REQUEST),
            ("null", INVALID_REQUEST),
            ("{}", INVALID_REQUEST),
            (r#"{"jsonrpc":"1.0","method":"ping","id":1}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":2.0,"method":"ping","id":1}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","method":1,"id":1}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","method":"ping","id":true}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","method":"ping","id":{}}"#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","method":"ping","id":[1]}"#, INVALID_REQUEST),
            (
                r#"{"jsonrpc":"2.0","method":"ping","id":"x\ud800"}"#,
                INVALID_REQUEST,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"ping","id":1e9999}"#,
                INVALID_REQUEST,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"ping","id":-0.1e99995}"#,
                INVALID_REQUEST,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"ping","id":1,"id":2}"#,
                INVALID_REQUEST,
            ),
        ];
        for (body, expected) in table {
            assert_eq!(code(body), expected, "{body}");
        }
        assert_eq!(Message::parse(b"\xff{}").unwrap_err().code, PARSE_ERROR);
        assert_eq!(code(&"[".repeat(100_000)), PARSE_ERROR);
        let long = format!(
            r#"{{"jsonrpc":"2.0","method":"ping","id":"{}"}}"#,
            "x".repeat(255)
        );
        assert_eq!(code(&long), INVALID_REQUEST);
    }

    #[test]
    fn a_member_of_no_meaning_twice_is_refused_under_the_id() {
        for members in [r#""menrpc":"2.0","menrpc":"2.0""#, r#""x":[{"a":1,"\u0061":1}]"#] {
            let body = format!(r#"{{"jsonrpc":"2.0",{members},"method":"ping","id":1}}"#);
            let message = Message::parse(body.as_bytes()).unwrap();
            assert_eq!(message.params().unwrap_err().code, INVALID_REQUEST, "{body}");
            assert_eq!(message.id, Some(Id("1".into())));
        }
    }

    #[test]
    fn params_are_an_object_or_nothing() {
        let params = |params: &str| {
            let body = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":1,"params":{params}}}"#);
            Message::parse(body.as_bytes()).unwrap().params()
        };
        assert!(params("null").unwrap().is_empty());
        assert_eq!(params("{\"a\":1}").unwrap()["a"], 1);
        assert_eq!(params("[]").unwrap_err().code, INVALID_PARAMS);
        assert_eq!(params("1").unwrap_err().code, INVALID_PARAMS);
        let deep = format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000));
        assert_eq!(params(&deep).unwrap_err().code, PARSE_ERROR);
    }
}
