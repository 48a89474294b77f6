//! One connection to the server, kept open where the server allows it.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Ten thousand of them are open at once.
const BUFFER: usize = 1024;

pub(super) struct Connection {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

/// What the head of an answer says about its body.
struct Head {
    length: Option<usize>,
    chunked: bool,
    close: bool,
}

impl Connection {
    pub(super) fn new(address: SocketAddr) -> Self {
        Connection {
            address,
            stream: None,
        }
    }

    /// Sends a request, on a new connection if the last answer closed the old one.
    pub(super) async fn send(&mut self, request: &[u8]) -> Result<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(BufReader::with_capacity(BUFFER, stream));
        }
        self.stream()?.write_all(request).await
    }

    /// The body of the answer; of a stream, all its events.
    pub(super) async fn receive(&mut self) -> Result<String> {
        let stream = self.stream()?;
        let head = read_head(stream).await?;
        let body = read_body(stream, &head).await?;
        if head.close {
            self.stream = None;
        }
        String::from_utf8(body).map_err(|_| broken("an answer that isn't UTF-8"))
    }

    /// After an error nothing more can be read from the old connection.
    pub(super) async fn call(&mut self, request: &[u8]) -> Result<String> {
        let answer = match self.send(request).await {
            Ok(()) => self.receive().await,
            Err(error) => Err(error),
        };
        answer.inspect_err(|_| self.stream = None)
    }

    fn stream(&mut self) -> Result<&mut BufReader<TcpStream>> {
        self.stream.as_mut().ok_or_else(|| broken("no connection"))
    }
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> Result<Head> {
    let mut head = Head {
        length: None,
        chunked: false,
        close: false,
    };
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    head.close = line.starts_with("HTTP/1.0");
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Ok(head);
        };
        head.note(name, value.trim());
    }
}

impl Head {
    fn note(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("content-length") {
            self.length = value.parse().ok();
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked = value.eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            self.close = value.eq_ignore_ascii_case("close");
        }
    }
}

async fn read_body(stream: &mut BufReader<TcpStream>, head: &Head) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    match head.length {
        _ if head.chunked => read_chunks(stream, &mut body).await?,
        Some(length) => {
            body.resize(length, 0);
            stream.read_exact(&mut body).await?;
        }
        None => {
            stream.read_to_end(&mut body).await?;
        }
    }
    Ok(body)
}

async fn read_chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let size =
            usize::from_str_radix(line.trim_end(), 16).map_err(|_| broken("a chunk without a size"))?;
        let begun = body.len();
        // Two more for the line end behind every chunk.
        body.resize(begun + size + 2, 0);
        stream.read_exact(&mut body[begun..]).await?;
        body.truncate(begun + size);
        if size == 0 {
            return Ok(());
        }
    }
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
