//! Valid requests of both generations, and what can be done to them.

use serde_json::{Value, json};

use super::random::Random;

const UNKNOWN_ID: &str = "0b6ec5a4-6a5b-4a64-9f0d-0d3f0f1c2b3a";

/// One request that was taken apart: what is left of it can be malformed in every part.
struct Request {
    line: Vec<u8>,
    headers: Vec<Vec<u8>>,
    body: Vec<u8>,
    framing: Framing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    Chunks,
    /// A length that isn't the body's.
    Lie,
    Both,
    Neither,
}

/// The bytes of request `number`: always the same for the same seed.
pub(super) fn request(seed: u64, number: u64) -> Vec<u8> {
    let random = &mut Random::new(seed, number);
    if random.once_in(20) {
        return noise(random);
    }
    let mut request = valid(random);
    for _ in 0..=random.below(3) {
        match random.below(10) {
            0..=3 => mutate_json(&mut request.body, random),
            4..=5 => mutate_bytes(&mut request.body, random),
            6 => mutate_line(&mut request.line, random),
            7..=8 => mutate_headers(&mut request.headers, random),
            _ => {
                request.framing =
                    *random.pick(&[Framing::Chunks, Framing::Lie, Framing::Both, Framing::Neither])
            }
        }
    }
    let mut bytes = request.bytes(random);
    match random.below(40) {
        0 => mutate_bytes(&mut bytes, random),
        1 => bytes = bytes.repeat(1 + random.below(4)),
        2 => bytes.truncate(random.below(bytes.len())),
        _ => {}
    }
    bytes
}

fn noise(random: &mut Random) -> Vec<u8> {
    let length = random.below(600);
    let mut bytes = random.bytes(length);
    if random.once_in(2) {
        bytes.splice(0..0, b"POST / HTTP/1.1\r\nHost: supervise\r\n".iter().copied());
    }
    bytes
}

fn valid(random: &mut Random) -> Request {
    let modern = random.once_in(2);
    let arguments = json!({
        "egress-allow": {"host": "api.example.com", "path_allowlist": ["/v1/"], "justification": "why",
            "auth": {"scheme": "Bearer", "token_ref": "TOKEN"}},
        "egress-block": {"host": format!("h{}.example.com", random.below(99)), "justification": "why"},
        "capability-block": {"dockerfile": "FROM scratch\n", "justification": "why"},
        "list-egress-routes": {},
        "check-proposal": {"proposal_id": UNKNOWN_ID},
        "withdraw-proposal": {"proposal_id": UNKNOWN_ID},
        "gitleaks-allow": {},
    });
    let names: Vec<&String> = arguments
        .as_object()
        .map(|map| map.keys().collect())
        .unwrap_or_default();
    let tool = random.pick(&names).as_str();
    let methods: &[&str] = if modern {
        &[
            "server/discover",
            "tools/list",
            "tools/call",
            "tools/call",
            "tools/call",
        ]
    } else {
        &[
            "initialize",
            "ping",
            "tools/list",
            "tools/call",
            "tools/call",
            "tools/call",
            "notifications/cancelled",
        ]
    };
    let method = *random.pick(methods);
    let mut params = match method {
        "tools/call" => json!({"name": tool, "arguments": arguments[tool]}),
        "initialize" => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}})
        }
        "notifications/cancelled" => json!({"requestId": 1}),
        _ => json!({}),
    };
    let mut headers: Vec<Vec<u8>> = vec![
        b"Host: supervise".to_vec(),
        b"Accept: application/json, text/event-stream".to_vec(),
    ];
    if modern {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "progressToken": random.below(9),
        });
        headers.push(b"MCP-Protocol-Version: 2026-07-28".to_vec());
        headers.push(format!("Mcp-Method: {method}").into());
        if method == "tools/call" {
            headers.push(format!("Mcp-Name: {tool}").into());
        }
    }
    let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
    if !method.starts_with("notifications/") {
        message["id"] = random
            .pick(&[json!(1), json!("x"), json!(-0.5), json!("\u{202e}\"\n")])
            .clone();
    }
    Request {
        line: b"POST /mcp HTTP/1.1".to_vec(),
        headers,
        body: message.to_string().into(),
        framing: Framing::Length,
    }
}

impl Request {
    fn bytes(&self, random: &mut Random) -> Vec<u8> {
        let mut head = self.line.clone();
        for header in &self.headers {
            head.extend_from_slice(b"\r\n");
            head.extend_from_slice(header);
        }
        let length = match self.framing {
            Framing::Lie => random.below(2 * self.body.len() + 2),
            _ => self.body.len(),
        };
        if matches!(self.framing, Framing::Length | Framing::Lie | Framing::Both) {
            head.extend_from_slice(format!("\r\nContent-Length: {length}").as_bytes());
        }
        let chunked = matches!(self.framing, Framing::Chunks | Framing::Both);
        if chunked {
            head.extend_from_slice(b"\r\nTransfer-Encoding: chunked");
        }
        head.extend_from_slice(b"\r\n\r\n");
        if chunked {
            chunk(&mut head, &self.body, random);
        } else {
            head.extend_from_slice(&self.body);
        }
        head
    }
}

fn chunk(into: &mut Vec<u8>, body: &[u8], random: &mut Random) {
    let size = 1 + random.below(body.len().max(1));
    for piece in body.chunks(size) {
        let lie = if random.once_in(20) { random.below(9) } else { 0 };
        into.extend_from_slice(format!("{:x}\r\n", piece.len() + lie).as_bytes());
        into.extend_from_slice(piece);
        into.extend_from_slice(b"\r\n");
    }
    if !random.once_in(20) {
        into.extend_from_slice(b"0\r\n\r\n");
    }
}

/// Changes one member somewhere in the tree. What is no JSON any more is left to the bytes.
fn mutate_json(body: &mut Vec<u8>, random: &mut Random) {
    let Ok(mut json) = serde_json::from_slice::<Value>(body) else {
        return mutate_bytes(body, random);
    };
    change(&mut json, random);
    *body = json.to_string().into();
    if random.once_in(8) {
        // The first member once more: JSON allows it, and parsers differ on what it means.
        let name = *random.pick(&["jsonrpc", "id", "method", "params", "name", "host", "_meta"]);
        let twice = format!("{{\"{name}\":1,");
        let at = body
            .iter()
            .rposition(|byte| *byte == b'{')
            .filter(|_| random.once_in(2))
            .unwrap_or(0);
        body.splice(at..(at + 1).min(body.len()), twice.bytes());
    }
}

fn change(json: &mut Value, random: &mut Random) {
    let stop = random.once_in(4);
    match json {
        Value::Object(members) if !members.is_empty() && !stop => {
            let names: Vec<String> = members.keys().cloned().collect();
            let name = random.pick(&names);
            match random.below(6) {
                0 => drop(members.remove(name)),
                1 => {
                    let value = members.remove(name).unwrap_or_default();
                    members.insert(odd_text(random), value);
                }
                2 => drop(members.insert(odd_text(random), odd(random))),
                _ => {
                    if let Some(value) = members.get_mut(name) {
                        change(value, random);
                    }
                }
            }
        }
        Value::Array(values) if !values.is_empty() && !stop => {
            let at = random.below(values.len());
            change(&mut values[at], random);
        }
        other => {
            let old = other.take();
            *other = if random.once_in(5) {
                json!([old])
            } else {
                odd(random)
            };
        }
    }
}

fn odd(random: &mut Random) -> Value {
    match random.below(12) {
        0 => Value::Null,
        1 => true.into(),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(1e308),
        5 => json!([]),
        6 => json!({}),
        7 => (0..random.below(300)).fold(json!(1), |deep, _| json!([deep])),
        8 => (0..random.below(300)).fold(json!(1), |deep, _| json!({"a": deep})),
        9 => odd_text(random).repeat(1 + random.below(400)).into(),
        _ => odd_text(random).into(),
    }
}

fn odd_text(random: &mut Random) -> String {
    let texts = [
        "",
        " ",
        "\0",
        "\u{1b}[2J",
        "\u{202e}",
        "\u{feff}",
        "\u{10ffff}",
        "é",
        "../..",
        "/a/../b",
        "*",
        "localhost",
        "127.1",
        "0x7f000001",
        "[::1]",
        "xn--a",
        "a..b",
        "https://x/",
        "a@b.example.com",
        "2026-07-28",
        "1900-01-01",
        "tools/call",
        "egress-allow",
        "gitleaks-allow",
        "supervise_responses",
        "'; DROP TABLE supervise_proposals; --",
        UNKNOWN_ID,
        "status: approved",
        "-32603",
        "=?base64?!?=",
    ];
    (*random.pick(&texts)).to_owned()
}

fn mutate_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(8) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, random.next() as u8),
        2 => bytes.extend(random.bytes(9)),
        3 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        4 if at < bytes.len() => drop(bytes.remove(at)),
        5 => {
            let piece = bytes[at..(at + random.below(40)).min(bytes.len())].repeat(2);
            bytes.splice(at..at, piece);
        }
        6 => {
            let odd: [&[u8]; 8] = [
                b"\xff",
                b"\xef\xbb\xbf",
                b"\\ud800",
                b"\\u0000",
                b"\"",
                b"}",
                b"[[[[[[[[",
                b"1e9999",
            ];
            bytes.splice(at..at, random.pick(&odd).iter().copied());
        }
        _ => {
            let deep = random.below(20_000);
            bytes.splice(at..at, std::iter::repeat_n(*random.pick(b"[{ \"9-"), deep));
        }
    }
}

fn mutate_line(line: &mut Vec<u8>, random: &mut Random) {
    let lines: [&[u8]; 14] = [
        b"GET /health HTTP/1.1",
        b"GET / HTTP/1.1",
        b"HEAD / HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT a:1 HTTP/1.1",
        b"TRACE / HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"POST / HTTP/1.0",
        b"POST / HTTP/9.9",
        b"POST http://evil.example/ HTTP/1.1",
        b"POST //%00/..;/? HTTP/1.1",
        b"post / http/1.1",
        b"\r\n\r\nPOST / HTTP/1.1",
        b"POST / HTTP/1.1\nX: y",
    ];
    if random.once_in(3) {
        mutate_bytes(line, random);
    } else {
        *line = random.pick(&lines).to_vec();
    }
}

fn mutate_headers(headers: &mut Vec<Vec<u8>>, random: &mut Random) {
    if headers.is_empty() {
        headers.push(Vec::new());
    }
    let at = random.below(headers.len());
    let more: [&[u8]; 18] = [
        b"Host: evil.example",
        b"Host:",
        b"Host: a@supervise",
        b"Origin: null",
        b"Origin: http://localhost",
        b"Content-Length: 1",
        b"Content-Length: 18446744073709551616",
        b"content-length: +5",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding : chunked",
        b"Expect: 100-continue",
        b"Upgrade: h2c\r\nConnection: Upgrade",
        b"Connection: close, close",
        b"MCP-Protocol-Version: 2026-07-28",
        b"Mcp-Name: =?base64?////?=",
        b" folded: yes",
        b"X\0: y",
    ];
    match random.below(6) {
        0 => drop(headers.remove(at)),
        1 => headers.push(headers[at].clone()),
        2 => mutate_bytes(&mut headers[at], random),
        3 => headers.extend((0..random.below(60)).map(|n| format!("X-{n}: y").into_bytes())),
        _ => headers.push(random.pick(&more).to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_a_request() {
        assert_eq!(request(7, 9), request(7, 9));
        let different: std::collections::HashSet<_> = (0..500).map(|number| request(7, number)).collect();
        assert!(different.len() > 450);
    }
}
