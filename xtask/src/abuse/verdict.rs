//! What an answer to a malformed request may look like.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::double::has_double;

const STATUSES: [u16; 11] = [200, 202, 400, 403, 404, 405, 408, 411, 413, 414, 431];
/// Longer ids are refused, and not repeated.
const MAX_ID_BYTES: usize = 256;
const CODES: [i64; 7] = [-32700, -32600, -32601, -32602, -32603, -32020, -32022];

/// Judges everything that came back for the bytes of `request`.
pub(super) fn judge(request: &[u8], mut answer: &[u8]) -> Result<(), String> {
    let mut answered = false;
    while !answer.is_empty() {
        let (response, rest) = Response::read(request, answer)?;
        if response.status != 100 {
            response.judge(request)?;
            answered = true;
        }
        answer = rest;
    }
    match sent_body(request) {
        Some(body) if !answered && !is_given_up(body) => Err("a whole request got no answer".to_owned()),
        _ => Ok(()),
    }
}

/// Whether it asks for what may be held, in the revision in which whoever ends the connection withdraws the question;
/// every exchange here ends its half at once.
fn is_given_up(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Call<'a> {
        method: String,
        #[serde(borrow)]
        params: &'a RawValue,
    }
    // However deep the rest is: the server doesn't read what it doesn't know.
    serde_json::from_slice::<Call<'_>>(body).is_ok_and(|call| {
        call.method == "tools/call"
            && call
                .params
                .get()
                .contains("io.modelcontextprotocol/protocolVersion")
    })
}

struct Response<'a> {
    status: u16,
    is_json: bool,
    body: &'a [u8],
}

impl<'a> Response<'a> {
    fn read(request: &[u8], answer: &'a [u8]) -> Result<(Self, &'a [u8]), String> {
        let end = find(answer, b"\r\n\r\n").ok_or("a head without an end")?;
        let head = std::str::from_utf8(&answer[..end]).map_err(|_| "a head that isn't text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or("no status")?;
        let header = |name: &str| {
            let mut lines = head.split("\r\n").skip(1);
            lines.find_map(|line| {
                let (found, value) = line.split_once(": ")?;
                found.eq_ignore_ascii_case(name).then_some(value)
            })
        };
        let length = header("content-length").map_or(Ok(0), str::parse::<usize>);
        let length = length.map_err(|_| "a bad Content-Length")?;
        let rest = &answer[end + 4..];
        // The answer to HEAD names a length and has no body.
        let headless = find(request, b"HEAD ").is_some() && (rest.is_empty() || rest.starts_with(b"HTTP/1."));
        let length = if headless { 0 } else { length };
        let (body, rest) = rest.split_at_checked(length).ok_or("a body that is cut off")?;
        let is_json = header("content-type") == Some("application/json");
        let response = Response {
            status,
            is_json,
            body,
        };
        Ok((response, rest))
    }

    fn judge(&self, request: &[u8]) -> Result<(), String> {
        let documented = self.status == 503
            && [&b"too many connections\n"[..], b"store unavailable\n"].contains(&self.body);
        if !STATUSES.contains(&self.status) && !documented {
            return Err(format!("status {}", self.status));
        }
        if self.is_json {
            self.judge_json(request)
        } else {
            Ok(())
        }
    }

    fn judge_json(&self, request: &[u8]) -> Result<(), String> {
        let json: Value = serde_json::from_slice(self.body).map_err(|error| format!("no JSON: {error}"))?;
        let code = json.pointer("/error/code").and_then(Value::as_i64);
        let known = match (json.get("result"), json.get("error")) {
            (Some(result), None) => result.is_object(),
            (None, Some(error)) => {
                code.is_some_and(|code| CODES.contains(&code)) && error["message"].is_string()
            }
            _ => false,
        };
        if json["jsonrpc"] != "2.0" || !known || !self.body.ends_with(b"\n") {
            return Err(format!("no JSON-RPC: {json}"));
        }
        if json.get("result").is_some() && sent_body(request).and_then(has_double) == Some(true) {
            return Err(format!("a key that stands there twice was served: {json}"));
        }
        if code == Some(-32603) {
            return Err("an internal error".to_owned());
        }
        self.judge_id(request)
    }

    /// Byte for byte as it came; null only where no id could be read.
    fn judge_id(&self, request: &[u8]) -> Result<(), String> {
        let rest = self.body.strip_prefix(b"{\"jsonrpc\":\"2.0\",\"id\":".as_slice());
        let rest = rest.ok_or("no id in its place")?;
        let ends = [&b",\"result\":"[..], b",\"error\":"].map(|mark| find(rest, mark).unwrap_or(rest.len()));
        let id = &rest[..ends[0].min(ends[1])];
        if let Some(sent) = sent_body(request).and_then(sent_id) {
            return if id == sent.as_bytes() {
                Ok(())
            } else {
                Err(format!(
                    "{sent} was asked, {} answered",
                    String::from_utf8_lossy(id)
                ))
            };
        }
        // An id that was sent in chunks is found in none of them.
        let in_chunks = find(&request.to_ascii_lowercase(), b"chunked").is_some();
        if id == b"null" || in_chunks || find(request, id).is_some() {
            return Ok(());
        }
        Err(format!("another id: {}", String::from_utf8_lossy(id)))
    }
}

/// The members that a request must have to be answered under its id.
#[derive(Deserialize)]
struct Envelope<'a> {
    jsonrpc: String,
    #[serde(rename = "method")]
    _method: String,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow, default, rename = "params")]
    _params: Option<&'a RawValue>,
}

/// The body of a request that is nothing but one whole message.
fn sent_body(request: &[u8]) -> Option<&[u8]> {
    let at = find(request, b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&request[..at]).ok()?, &request[at + 4..]);
    let head = head.to_ascii_lowercase();
    let mut lengths = head
        .split("\r\n")
        .filter_map(|line| line.strip_prefix("content-length:"));
    let length: usize = lengths.next()?.trim().parse().ok()?;
    let alone = lengths.next().is_none() && !head.contains("transfer-encoding");
    (length == body.len() && alone).then_some(body)
}

/// Its id, if it is a valid one.
fn sent_id(body: &[u8]) -> Option<String> {
    // All of it must be JSON that everybody can read, not only its outermost object.
    serde_json::from_slice::<Value>(body).ok()?;
    let envelope: Envelope<'_> = serde_json::from_slice(body).ok()?;
    let id = envelope.id.get();
    let valid = matches!(serde_json::from_str(id), Ok(Value::String(_) | Value::Number(_)));
    (envelope.jsonrpc == "2.0" && valid && id.len() <= MAX_ID_BYTES).then(|| id.to_owned())
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"POST / HTTP/1.1\r\n\r\n{\"id\":\"a\\u0041\"}";

    fn answer(status: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into()
    }

    #[test]
    fn a_whole_message_is_answered_under_its_id() {
        let request = |body: &str| {
            let length = body.len();
            format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
        };
        let refused = |id: &str| {
            let error = r#"{"code":-32601,"message":"m"}"#;
            answer(
                "200 OK",
                &format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}\n"),
            )
        };
        let whole = request(r#"{"jsonrpc":"2.0","id":"a","method":"m","params":{"id":7,"x":null}}"#);
        assert_eq!(judge(&whole, &refused("\"a\"")), Ok(()));
        for other in ["null", "7", "\"b\""] {
            assert!(judge(&whole, &refused(other)).is_err(), "{other}");
        }
        // Whose id can't be read is told so under none.
        for body in [
            r#"{"jsonrpc":"2.0","id":["a"],"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":"a","id":"a","method":"m"}"#,
            r#"{"jsonrpc":"1.0","id":"a","method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":"a","method":1}"#,
        ] {
            assert_eq!(judge(&request(body), &refused("null")), Ok(()), "{body}");
        }
    }

    #[test]
    fn a_key_twice_must_be_refused() {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":{"b":1,"b":2}}}"#;
        let length = body.len();
        let request = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
        let said = |member: &str| {
            let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,{member}}}\n");
            judge(request.as_bytes(), &answer("200 OK", &body))
        };
        assert!(said("\"result\":{}").is_err());
        assert_eq!(said(r#""error":{"code":-32602,"message":""}"#), Ok(()));
    }

    #[test]
    fn good_answers_pass_and_others_do_not() {
        let good = "{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0041\",\"result\":{}}\n";
        assert_eq!(judge(REQUEST, &answer("200 OK", good).repeat(2)), Ok(()));
        // Half a request may go without an answer, a whole one may not.
        assert_eq!(judge(REQUEST, b""), Ok(()));
        let whole = [&b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"[..], b"\xff"].concat();
        assert_eq!(judge(&whole, b""), Ok(()));
        for silence in [&b""[..], b"HTTP/1.1 100 Continue\r\n\r\n"] {
            assert!(judge(&whole[..whole.len() - 1], silence).is_err());
        }
        for (status, body) in [
            ("500 Oops", good),
            ("503 Busy", good),
            ("200 OK", "{\"jsonrpc\":\"2.0\",\"id\":\"aA\",\"result\":{}}\n"),
            (
                "200 OK",
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{},\"error\":{}}\n",
            ),
            (
                "200 OK",
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,\"message\":\"\"}}\n",
            ),
            ("200 OK", "{\"jsonrpc\":\"2.0\",\"id\":null}\n"),
            // Ids that were once sent back as they came, and that many parsers can't read.
            ("200 OK", "{\"jsonrpc\":\"2.0\",\"id\":1e9999,\"result\":{}}\n"),
            (
                "200 OK",
                "{\"jsonrpc\":\"2.0\",\"id\":\"\\ud800\",\"result\":{}}\n",
            ),
            ("200 OK", "{"),
        ] {
            assert!(judge(REQUEST, &answer(status, body)).is_err(), "{status} {body}");
        }
        assert!(judge(REQUEST, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").is_err());
    }
}
