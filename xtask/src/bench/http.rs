//! The one request that isn't a call: is the server well?

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TIME_LIMIT: Duration = Duration::from_secs(2);
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";

pub(super) fn is_healthy(address: SocketAddr) -> bool {
    ask(address).is_ok_and(|status_line| status_line.starts_with(b"HTTP/1.") && &status_line[8..] == b" 200")
}

fn ask(address: SocketAddr) -> std::io::Result<[u8; 12]> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.write_all(REQUEST)?;
    let mut status_line = [0; 12];
    stream.read_exact(&mut status_line)?;
    Ok(status_line)
}
