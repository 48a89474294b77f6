//! `supervise-sidecar healthcheck`: asks the server in the same container how it is. A scratch image has
//! no other program that could.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::config::{self, ConfigError};

const TIME_LIMIT: Duration = Duration::from_secs(2);
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const WELL: &[u8] = b"HTTP/1.1 200 ";

#[derive(Debug, Error)]
pub(crate) enum HealthError {
    #[error("no answer from {0}: {1}")]
    Unreachable(SocketAddr, #[source] io::Error),
    #[error("{0} answers that it is not well")]
    Unwell(SocketAddr),
}

/// Where the server listens, by the same settings.
pub(crate) fn address(environment: impl Fn(&str) -> Option<String>) -> Result<SocketAddr, ConfigError> {
    let (bind, port) = config::read_address(environment)?;
    let ip = match bind {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, port))
}

pub(crate) fn check(address: SocketAddr) -> Result<(), HealthError> {
    let answer = ask(address).map_err(|error| HealthError::Unreachable(address, error))?;
    if answer.starts_with(WELL) {
        Ok(())
    } else {
        Err(HealthError::Unwell(address))
    }
}

/// The beginning of the answer, enough to know its status.
fn ask(address: SocketAddr) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + TIME_LIMIT;
    let left = || {
        deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1))
    };
    let mut stream = TcpStream::connect_timeout(&address, left())?;
    stream.set_write_timeout(Some(left()))?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    let mut piece = [0; 64];
    while answer.len() < WELL.len() {
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left()))?;
        match stream.read(&mut piece)? {
            0 => break,
            length => answer.extend_from_slice(&piece[..length]),
        }
    }
    Ok(answer)
}
