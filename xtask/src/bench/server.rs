//! A running MCP server, and what the kernel says about it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::http;
use super::program::{self, trouble};
use super::subject::Subject;
use crate::command::Failed;
use crate::guarded::Guarded;

const START_TIME_LIMIT: Duration = Duration::from_secs(20);
/// Scheduler ticks per second; the kernel's interface has had this value on Linux for ever.
const TICKS: f64 = 100.0;

/// A root on the disk with one queue, and a server on it. Both go with the value.
pub(super) struct Server {
    process: Guarded,
    pub(super) address: SocketAddr,
    /// From before the process was made to its first good `/health`.
    pub(super) start_up: Duration,
    log: PathBuf,
}

/// The root of one bottle, `bench`.
pub(super) struct Ground(TempDir);

impl Ground {
    pub(super) fn new() -> Result<Ground, Failed> {
        program::scratch().map(Ground)
    }

    pub(super) fn root(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    pub(super) fn queue(&self) -> PathBuf {
        self.root().join("queue/bench")
    }
}

impl Server {
    /// Starts the subject's server without any limit; calls wait for `patience` seconds.
    pub(super) fn start(subject: &Subject, ground: &Ground, patience: f64) -> Result<Server, Failed> {
        let sqlite = ground.queue().display().to_string();
        Server::start_at(subject, ground, patience, &format!("sqlite:{sqlite}"))
    }

    /// The same on a queue of any kind. Other programs know one kind and read its directory.
    pub(super) fn start_at(
        subject: &Subject,
        ground: &Ground,
        patience: f64,
        queue_url: &str,
    ) -> Result<Server, Failed> {
        let address = free_address()?;
        let log = ground.root().join("server.log");
        let stderr = File::create(&log).map_err(trouble("the server's log"))?;
        let mut command = subject.server()?;
        command
            .env("SUPERVISE_BOTTLE_SLUG", "bench")
            .env("SUPERVISE_QUEUE_DIR", ground.queue())
            .env("SUPERVISE_QUEUE_URL", queue_url)
            .env("SUPERVISE_BIND", "127.0.0.1")
            .env("SUPERVISE_PORT", address.port().to_string())
            .env("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", patience.to_string())
            .env("SUPERVISE_MAX_PENDING", "0")
            .env("SUPERVISE_MAX_PROPOSALS_PER_MINUTE", "0")
            .env("SUPERVISE_MAX_QUEUE_BYTES", "0")
            .env("SUPERVISE_MAX_CONNECTIONS", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        let begun = Instant::now();
        let process = Guarded::spawn(&mut command)?;
        let mut server = Server {
            process,
            address,
            start_up: Duration::ZERO,
            log,
        };
        server.wait_until_healthy(begun)?;
        server.start_up = begun.elapsed();
        Ok(server)
    }

    fn wait_until_healthy(&mut self, begun: Instant) -> Result<(), Failed> {
        while !http::is_healthy(self.address) {
            if self.process.exited().is_some() || begun.elapsed() > START_TIME_LIMIT {
                return Err(Failed::new(format!(
                    "the server doesn't start: {}",
                    self.last_words()
                )));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(3).collect();
        lines.join(" / ")
    }

    /// Resident memory in KiB.
    pub(super) fn resident_kib(&self) -> Result<f64, Failed> {
        let status = self.proc_file("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| Failed::new("no VmRSS in the server's status"))
    }

    /// The share of one core used over `window`, in percent.
    pub(super) fn cpu_percent(&self, window: Duration) -> Result<f64, Failed> {
        let (begun, before) = (Instant::now(), self.cpu_ticks()?);
        std::thread::sleep(window);
        let used = (self.cpu_ticks()? - before) / TICKS;
        Ok(100.0 * used / begun.elapsed().as_secs_f64())
    }

    /// User and system time of all its threads.
    fn cpu_ticks(&self) -> Result<f64, Failed> {
        let stat = self.proc_file("stat")?;
        // The name, in parentheses, may hold anything.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        let field = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
        field(11)
            .zip(field(12))
            .map(|(user, system)| user + system)
            .ok_or_else(|| Failed::new("no times in the server's stat"))
    }

    fn proc_file(&self, name: &str) -> Result<String, Failed> {
        fs::read_to_string(format!("/proc/{}/{name}", self.process.id()))
            .map_err(|error| Failed::new(format!("the server is gone ({error}): {}", self.last_words())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.stop();
    }
}

/// Not every server says which port it was given, so one is chosen for it: below those that the kernel
/// gives to clients, since a client that is given the very port it asks for talks to itself.
fn free_address() -> Result<SocketAddr, Failed> {
    let first = 20_000 + (std::process::id() % 8_000) as u16;
    (first..first + 1_000)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .ok_or_else(|| Failed::new("no port is free"))
}
