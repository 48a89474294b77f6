//! Bodies of HTTP requests in both generations of the protocol, through the whole server.
#![no_main]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use supervise_sidecar::{Config, serve};
use supervise_store::Queue;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    /// Sent in the headers of the stateless revision.
    method: Option<&'a str>,
    name: Option<&'a str>,
    events: bool,
    body: &'a [u8],
}

/// A server that never holds a call for long, and stores little.
fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let dir = tempfile::tempdir().expect("a folder");
        runtime.block_on(async {
            let mut config = Config::new("dev".parse().expect("a slug"), dir.path());
            config.response_timeout = Some(0.001);
            config.limits.max_pending = 4;
            let queue = Queue::create(&config.queue_dir, &config.bottle)
                .await
                .expect("a queue");
            listener.set_nonblocking(true).expect("a listener");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            serve(listener, queue, config, std::future::pending()).await;
        });
    });
    address
}

static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(start);
static CONNECTION: Mutex<Option<BufReader<TcpStream>>> = Mutex::new(None);

fn connect() -> BufReader<TcpStream> {
    let stream = TcpStream::connect(*ADDRESS).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a time limit");
    stream.set_nodelay(true).expect("no delay");
    BufReader::new(stream)
}

fn request(input: &Input<'_>) -> Vec<u8> {
    let mut head = format!(
        "POST /mcp HTTP/1.1\r\nHost: supervise\r\nContent-Length: {}\r\n",
        input.body.len()
    );
    if input.events {
        head += "Accept: application/json, text/event-stream\r\n";
    }
    let plain = |value: &&str| value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if let Some(method) = input.method.filter(plain) {
        head += &format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n");
    }
    if let Some(name) = input.name.filter(plain) {
        head += &format!("Mcp-Name: {name}\r\n");
    }
    [head.as_bytes(), b"\r\n", input.body].concat()
}

/// Status, whether it is a stream, body; nothing when the server has closed the connection.
fn answer(from: &mut BufReader<TcpStream>) -> Option<(u16, bool, Vec<u8>)> {
    let (mut status, mut length, mut chunked, mut stream) = (None, 0, false, false);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).expect("an answer in time") == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().expect("a length"),
            Some(("transfer-encoding", "chunked")) => chunked = true,
            Some(("content-type", value)) => stream = value.starts_with("text/event-stream"),
            None if line.is_empty() => break,
            None => status = line.split(' ').nth(1).and_then(|code| code.parse().ok()),
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).expect("a whole body");
    while chunked {
        let mut size = String::new();
        from.read_line(&mut size).expect("a chunk");
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        let mut chunk = vec![0; size + 2];
        from.read_exact(&mut chunk).expect("a whole chunk");
        body.extend_from_slice(&chunk[..size]);
        chunked = size > 0;
    }
    Some((status.expect("a status"), stream, body))
}

fuzz_target!(|input: Input<'_>| {
    let mut kept = CONNECTION.lock().expect("one at a time");
    let mut connection = kept.take().unwrap_or_else(connect);
    let bytes = request(&input);
    let sent = connection.get_mut().write_all(&bytes);
    let answered = sent.ok().and_then(|()| answer(&mut connection));
    let Some((status, stream, body)) = answered else {
        return;
    };
    *kept = Some(connection);
    assert!(
        matches!(status, 200 | 202 | 400 | 404),
        "status {status}: {}",
        String::from_utf8_lossy(&body)
    );
    let body = String::from_utf8(body).expect("UTF-8");
    let message = if stream {
        let data = body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .next_back();
        data.expect("a stream ends with its result")
    } else {
        body.trim_end()
    };
    if status == 202 {
        assert!(message.is_empty());
        return;
    }
    let message: Value = serde_json::from_str(message).expect("JSON");
    assert_eq!(message["jsonrpc"], "2.0");
    assert!(message.get("result").is_some() != message.get("error").is_some());
    // What was asked for is what is answered.
    if let Ok(Value::Object(asked)) = serde_json::from_slice(input.body)
        && message.get("result").is_some()
    {
        assert_eq!(message["id"], asked["id"]);
    }
});
