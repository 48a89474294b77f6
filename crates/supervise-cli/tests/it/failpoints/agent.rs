//! The real sidecar, and an agent whose call it holds.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::demo;
use crate::world::{World, slug};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Sidecar {
    child: Child,
    address: String,
}

/// A call that is held, or has been answered.
pub(super) struct Call(Receiver<String>);

impl Sidecar {
    pub(super) fn start(world: &World) -> Sidecar {
        let mut child = Command::new(demo::sidecar())
            .env_clear()
            .env("SUPERVISE_BOTTLE_SLUG", "dev")
            .env("SUPERVISE_QUEUE_DIR", world.root.queue_dir(&slug("dev")))
            .env("SUPERVISE_BIND", "127.0.0.1")
            .env("SUPERVISE_PORT", "0")
            .env("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "600")
            .env("SUPERVISE_MAX_PROPOSALS_PER_MINUTE", "0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "the sidecar did not start"
            );
            if let Some((_, address)) = line.trim().split_once("listening on ") {
                break address.split_whitespace().next().unwrap().to_owned();
            }
        };
        thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Sidecar { child, address }
    }

    pub(super) fn call(&self, tool: &str, arguments: &Value) -> Call {
        let params = json!({"name": tool, "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: supervise\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            let body: Value = serde_json::from_str(body.trim()).unwrap();
            let text = body["result"]["content"][0]["text"].as_str();
            let _ = tell.send(text.unwrap_or_else(|| panic!("{body}")).to_owned());
        });
        Call(told)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Call {
    /// What the agent was told, if it was told anything yet.
    pub(super) fn told(&self) -> Option<String> {
        match self.0.try_recv() {
            Ok(text) => Some(text),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("the call was not answered"),
        }
    }

    pub(super) fn wait(&self) -> String {
        match self.0.recv_timeout(PATIENCE) {
            Ok(text) => text,
            Err(RecvTimeoutError::Timeout) => panic!("the agent was not answered in time"),
            Err(RecvTimeoutError::Disconnected) => panic!("the call was not answered"),
        }
    }
}
