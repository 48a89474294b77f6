//! The part of an egress proxy that the sidecar asks: what is open. It answers with a file as it is now.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;

const PORT: u16 = 9099;
const QUESTION: &str = "GET http://_egress.local/allowlist HTTP/1.";

/// For ever.
pub(crate) fn run(file: &Path) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))?;
    for stream in listener.incoming() {
        // A client that went away is not worth ending for.
        let _ = serve(stream?, file);
    }
    Ok(())
}

fn serve(mut stream: TcpStream, file: &Path) -> io::Result<()> {
    let asked = read_head(&stream)?;
    let (status, body) = match std::fs::read_to_string(file) {
        _ if !asked.starts_with(QUESTION) => ("403 Forbidden", asked),
        Ok(routes) => ("200 OK", routes),
        Err(error) => ("500 Internal Server Error", error.to_string()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The first line of a request, once the empty line has come.
fn read_head(stream: &TcpStream) -> io::Result<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    Ok(first)
}
