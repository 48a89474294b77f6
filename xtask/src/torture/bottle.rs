//! One bottle's sidecar, and an agent's calls to it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::world::{lock, trouble};
use crate::command::Failed;

/// Holding is not what is tested: a short patience makes many acknowledged proposals.
const PATIENCE: &str = "0.3";
const TIME_LIMIT: Duration = Duration::from_secs(20);

pub(super) struct Bottle {
    pub(super) slug: String,
    program: PathBuf,
    queue: PathBuf,
    /// Of a queue that isn't there.
    queue_url: Option<String>,
    log: PathBuf,
    address: SocketAddr,
    sidecar: Mutex<Option<Child>>,
}

/// What an agent was told.
pub(super) struct Told {
    pub(super) id: String,
    pub(super) status: String,
}

impl Bottle {
    /// Starts the sidecar of a bottle that is prepared.
    pub(super) fn start(
        slug: &str,
        programs: &Path,
        root: &Path,
        queue_url: Option<String>,
    ) -> Result<Bottle, Failed> {
        let bottle = Bottle {
            slug: slug.to_owned(),
            program: programs.join("supervise-sidecar"),
            queue: root.join("queue").join(slug),
            queue_url,
            log: root.join(format!("{slug}.log")),
            address: free_address()?,
            sidecar: Mutex::new(None),
        };
        bottle.start_sidecar()?;
        Ok(bottle)
    }

    pub(super) fn start_sidecar(&self) -> Result<(), Failed> {
        self.start_sidecar_through(&[])
    }

    /// As another program's last arguments; that program must become the sidecar.
    pub(super) fn start_sidecar_through(&self, words: &[&str]) -> Result<(), Failed> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(trouble("the sidecar's log"))?;
        let mut words = words.iter().map(AsRef::as_ref).chain([self.program.as_os_str()]);
        let child = Command::new(words.next().unwrap_or_default())
            .args(words)
            .env("SUPERVISE_BOTTLE_SLUG", &self.slug)
            .env("SUPERVISE_QUEUE_DIR", &self.queue)
            .envs(self.queue_url.iter().map(|url| ("SUPERVISE_QUEUE_URL", url)))
            .env("SUPERVISE_BIND", "127.0.0.1")
            .env("SUPERVISE_PORT", self.address.port().to_string())
            .env("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", PATIENCE)
            .env("SUPERVISE_MAX_PENDING", "0")
            .env("SUPERVISE_MAX_PROPOSALS_PER_MINUTE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(trouble("starting the sidecar"))?;
        *lock(&self.sidecar) = Some(child);
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if begun.elapsed() > TIME_LIMIT || self.has_ended() {
                return Err(Failed::new(format!(
                    "the sidecar doesn't come back: {}",
                    self.last_words()
                )));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Somebody answers; while it was down, another program may have taken its port.
        std::thread::sleep(Duration::from_millis(5));
        match self.has_ended() {
            true => Err(Failed::new(format!(
                "the sidecar has ended: {}",
                self.last_words()
            ))),
            false => Ok(()),
        }
    }

    /// Whether its process has come to an end by itself.
    fn has_ended(&self) -> bool {
        let mut sidecar = lock(&self.sidecar);
        sidecar
            .as_mut()
            .is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }

    /// SIGKILL, with no chance to say anything.
    pub(super) fn kill_sidecar(&self) {
        if let Some(mut child) = lock(&self.sidecar).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asked to end, as a container's engine asks.
    pub(super) fn stop_sidecar(&self) {
        if let Some(mut child) = lock(&self.sidecar).take() {
            // It may have ended by itself.
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            let _ = child.wait();
        }
    }

    /// The sidecar's process.
    pub(super) fn process(&self) -> Option<u32> {
        lock(&self.sidecar).as_ref().map(Child::id)
    }

    fn last_words(&self) -> String {
        let log = self.log_text();
        let lines: Vec<&str> = log.lines().rev().take(3).collect();
        lines.join(" / ")
    }

    /// Whether the proposal lies in its own half of a queue of files.
    pub(super) fn has_in_file(&self, id: &str) -> bool {
        self.queue.join("in").join(format!("{id}.proposal")).is_file()
    }

    /// Calls a tool as a legacy client; nothing when the server went away.
    pub(super) fn call(&self, tool: &str, arguments: &Value) -> Option<Told> {
        let answer = self.answer(tool, arguments).ok()?;
        let text = answer["result"]["content"][0]["text"].as_str()?;
        let line = |name: &str| text.lines().rev().find_map(|line| line.strip_prefix(name));
        Some(Told {
            id: line("proposal: ")?.to_owned(),
            status: text.lines().next()?.strip_prefix("status: ")?.to_owned(),
        })
    }

    /// The whole answer to a call, whatever it is.
    pub(super) fn answer(&self, tool: &str, arguments: &Value) -> std::io::Result<Value> {
        let params = json!({"name": tool, "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        Ok(serde_json::from_str(&self.post(&body)?)?)
    }

    /// The status of `/health`.
    pub(super) fn health(&self) -> std::io::Result<u16> {
        let head = "GET /health HTTP/1.1\r\nHost: supervise\r\nConnection: close\r\n\r\n";
        let mut status = String::new();
        self.send(head)?.read_line(&mut status)?;
        let code = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        code.ok_or_else(|| std::io::ErrorKind::InvalidData.into())
    }

    /// What the sidecar has logged so far.
    pub(super) fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn send(&self, request: &str) -> std::io::Result<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(TIME_LIMIT))?;
        stream.write_all(request.as_bytes())?;
        Ok(BufReader::new(stream))
    }

    fn post(&self, body: &str) -> std::io::Result<String> {
        let mut from = self.send(&format!(
            "POST / HTTP/1.1\r\nHost: supervise\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))?;
        let mut line = String::new();
        while from.read_line(&mut line)? > 2 {
            line.clear();
        }
        let mut answer = String::new();
        from.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Bottle {
    fn drop(&mut self) {
        self.kill_sidecar();
    }
}

fn free_address() -> Result<SocketAddr, Failed> {
    // Below those that the kernel gives to clients: the port has to be there again after a restart. Another run
    // beside this one looks somewhere else, or it would take the port of a sidecar that was just killed.
    let from = std::process::id() % 64 * 125;
    (0..8_000_u32)
        .filter_map(|at| u16::try_from(21_000 + (from + at) % 8_000).ok())
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .ok_or_else(|| Failed::new("no port is free"))
}
