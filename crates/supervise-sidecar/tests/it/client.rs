//! An HTTP client that shows the bytes: it sends what it is told, and reads answers piece by piece.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            read: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    pub(crate) async fn send_post(&mut self, body: &str, headers: &[(&str, &str)]) {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = body.len();
        self.send(&format!(
            "POST /mcp HTTP/1.1\r\nHost: supervise\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        ))
        .await;
    }

    pub(crate) async fn post(&mut self, body: &str, headers: &[(&str, &str)]) -> Response {
        self.send_post(body, headers).await;
        self.response().await
    }

    /// Sends a request line and headers, reads the answer.
    pub(crate) async fn exchange(&mut self, bytes: &str) -> Response {
        self.send(bytes).await;
        self.response().await
    }

    /// A whole answer, streams to their end.
    pub(crate) async fn response(&mut self) -> Response {
        self.try_response()
            .await
            .expect("the connection closed without an answer")
    }

    /// A whole answer, or `None` when the connection closes without one.
    pub(crate) async fn try_response(&mut self) -> Option<Response> {
        let mut response = self.head().await?;
        let mut body = Vec::new();
        if response.header("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await {
                body.extend(chunk);
            }
        } else {
            let length = response
                .header("content-length")
                .map_or(0, |text| text.parse().unwrap());
            body = self.exactly(length).await;
        }
        response.body = String::from_utf8(body).unwrap();
        Some(response)
    }

    /// Status and headers; the body is still to come.
    pub(crate) async fn head(&mut self) -> Option<Response> {
        let head = self.until(b"\r\n\r\n").await?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        Some(Response {
            status,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: String::new(),
        })
    }

    /// The next chunk of a chunked body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.until(b"\r\n").await?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let chunk = self.exactly(size).await;
        self.exactly(2).await;
        (size > 0).then_some(chunk)
    }

    /// The next server-sent event or comment.
    pub(crate) async fn event(&mut self) -> Option<String> {
        self.chunk().await.map(|chunk| String::from_utf8(chunk).unwrap())
    }

    /// Whether the server closes the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        loop {
            self.read.clear();
            match self.fill().await {
                Some(0) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    async fn until(&mut self, mark: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|window| window == mark) {
                let line: Vec<u8> = self.read.drain(..at + mark.len()).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            if self.fill().await.expect("no answer in time") == 0 {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert_ne!(
                self.fill().await.expect("no answer in time"),
                0,
                "the answer is cut off"
            );
        }
        self.read.drain(..length).collect()
    }

    /// The number of bytes that came; 0 at the end; `None` when the time is up.
    async fn fill(&mut self) -> Option<usize> {
        // A reset is an end too.
        let read = timeout(TIME_LIMIT, self.stream.read_buf(&mut self.read)).await;
        read.ok().map(|read| read.unwrap_or(0))
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert!(self.body.ends_with('\n'), "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }
}
