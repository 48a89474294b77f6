//! An MCP client on plain sockets, as an agent's program would be: it knows one name and one port.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::dialogue::text;
use crate::reach;

const SERVER: &str = "supervise:9100";
/// Longer than any call here is held.
const TIME_LIMIT: Duration = Duration::from_secs(90);

struct Answer {
    status: u16,
    body: String,
}

/// Calls a tool; its text, and whether it is an error.
pub(crate) fn call(order: &Value) -> io::Result<Value> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": order["name"], "arguments": order["arguments"]}});
    let answer = exchange("POST", "/", &body.to_string())?;
    let message: Value = serde_json::from_str(&answer.body)
        .map_err(|_| io::Error::other(format!("HTTP {}: {}", answer.status, answer.body)))?;
    let result = &message["result"];
    match result["content"][0]["text"].as_str() {
        Some(said) => Ok(json!({"text": said, "is_error": result["isError"] == json!(true)})),
        None => Err(io::Error::other(answer.body)),
    }
}

/// Any request at all.
pub(crate) fn request(order: &Value) -> io::Result<Value> {
    let answer = exchange(text(order, "method"), text(order, "path"), text(order, "body"))?;
    Ok(json!({"status": answer.status, "body": answer.body}))
}

fn exchange(method: &str, path: &str, body: &str) -> io::Result<Answer> {
    let mut stream = reach::open_stream(SERVER)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {SERVER}\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes())?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said)?;
    read(&String::from_utf8_lossy(&said)).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
}

/// A whole answer; one that was cut off is none.
fn read(said: &str) -> Option<Answer> {
    let (head, body) = said.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let value = value.trim().parse::<usize>().ok()?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    let whole = length.is_none_or(|length| length == body.len());
    whole.then(|| Answer {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_cut_off_is_none() {
        let whole = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n";
        assert_eq!(read(whole).unwrap().status, 200);
        assert!(read(&whole[..whole.len() - 1]).is_none());
        assert!(read("HTTP/1.1 200 OK\r\n").is_none());
    }
}
