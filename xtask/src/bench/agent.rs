//! The load client as seen from the process that measures.

use std::env;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use super::process::Dialogue;
use super::program;
use crate::command::Failed;

/// A client process of one kind, on one server.
pub(super) struct Agent(Dialogue);

impl Agent {
    /// Starts `bench-client` with its arguments.
    pub(super) fn start(address: SocketAddr, arguments: &[String]) -> Result<Agent, Failed> {
        let mut client = client()?;
        client
            .arg("bench-client")
            .arg(address.to_string())
            .args(arguments);
        Dialogue::start(&mut client).map(Agent)
    }

    pub(super) fn say(&mut self, line: &str) -> Result<(), Failed> {
        self.0.say(line)
    }

    /// The next line, which is JSON.
    pub(super) fn hear(&mut self) -> Result<Value, Failed> {
        let line = self.0.hear()?;
        serde_json::from_str(&line).map_err(|_| Failed::new(format!("the client said: {line}")))
    }
}

/// The optimised build of this very program.
fn client() -> Result<Command, Failed> {
    let name = env::current_exe().ok();
    let name = name.as_deref().and_then(|own| own.file_name()?.to_str());
    program::built(name.unwrap_or("xtask"))
}

/// A number in what the client said.
pub(super) fn number(said: &Value, name: &str) -> f64 {
    said.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN)
}
