//! What can be reached from in here: files and ports.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::dialogue::text;

/// A neighbour on the same bridge answers at once, with a refusal at least.
const TIME_LIMIT: Duration = Duration::from_secs(2);
const SCANNERS: u16 = 8;
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Those of the paths that can be read, entered or connected to.
pub(crate) fn open(order: &Value) -> Value {
    let paths = order["paths"].as_array().into_iter().flatten();
    paths
        .filter_map(Value::as_str)
        .filter(|path| opens(Path::new(path)))
        .collect()
}

fn opens(path: &Path) -> bool {
    File::open(path).is_ok() || path.read_dir().is_ok() || UnixStream::connect(path).is_ok()
}

/// Every TCP port of a host that takes connections.
pub(crate) fn ports(order: &Value) -> io::Result<Value> {
    let name = format!("{}:0", text(order, "host"));
    let host = *resolve(&name)?.first().ok_or(io::ErrorKind::NotFound)?;
    let scanners: Vec<_> = (0..SCANNERS)
        .map(|first| thread::spawn(move || scan(host, first)))
        .collect();
    let mut open: Vec<u16> = scanners
        .into_iter()
        .flat_map(|scanner| scanner.join().unwrap_or_default())
        .collect();
    open.sort_unstable();
    Ok(json!(open))
}

fn scan(mut host: SocketAddr, first: u16) -> Vec<u16> {
    (first..=u16::MAX)
        .step_by(SCANNERS.into())
        .filter(|port| {
            host.set_port(*port);
            TcpStream::connect_timeout(&host, TIME_LIMIT).is_ok()
        })
        .collect()
}

/// Whether an address takes a connection.
pub(crate) fn connect(order: &Value) -> io::Result<Value> {
    Ok(json!(open_stream(text(order, "address")).is_ok()))
}

/// A connection to the first of a name's addresses that takes one: after a restart the name server may still know the
/// old one.
pub(crate) fn open_stream(name: &str) -> io::Result<TcpStream> {
    let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in resolve(name)? {
        outcome = TcpStream::connect_timeout(&address, TIME_LIMIT);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The name server hears of a new neighbour a moment after its start, so a name may take a few tries.
fn resolve(name: &str) -> io::Result<Vec<SocketAddr>> {
    for _ in 0..TRIES {
        match name.to_socket_addrs() {
            Ok(addresses) if addresses.len() > 0 => return Ok(addresses.collect()),
            _ => thread::sleep(PAUSE),
        }
    }
    Err(io::Error::other(format!("{name} has no address")))
}
