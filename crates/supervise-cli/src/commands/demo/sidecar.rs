//! The demonstration's sidecar: found, started on a free port, and never left running.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use supervise_core::{Plan, SafeLine};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::environment::Environment;
use crate::error::{CliError, Kind};
use crate::ui::line;

const PROGRAM: &str = "supervise-sidecar";
const STARTS_WITHIN: Duration = Duration::from_secs(10);
/// The operator may think as long as they like.
const HOLD_SECONDS: &str = "86400";
const LISTENING: &str = "listening on ";

/// The sidecar's program: beside this one, else on the search path.
pub(super) fn find(environment: &Environment) -> Result<PathBuf, CliError> {
    let beside = env::current_exe().ok().map(|own| own.with_file_name(PROGRAM));
    let path = environment.path.as_deref().unwrap_or_default();
    let on_path = env::split_paths(path).map(|dir| dir.join(PROGRAM));
    let found = beside
        .into_iter()
        .chain(on_path)
        .find(|program| program.is_file());
    found.ok_or_else(|| {
        CliError::new(Kind::Missing, line!["the program ", PROGRAM, " is not there"])
            .hint("put it beside `supervise` or on PATH; `cargo build --workspace` builds both")
    })
}

/// A running sidecar; dropping it ends the process.
pub(super) struct Sidecar {
    child: Child,
    address: SocketAddr,
}

impl Sidecar {
    pub(super) async fn start(program: &Path, plan: &Plan) -> Result<Sidecar, CliError> {
        let mut child = command(program, plan).spawn().map_err(|source| {
            let shown = SafeLine::new(&program.to_string_lossy());
            CliError::failed(line![shown, " can't be started"]).because(source)
        })?;
        let (tell, told) = oneshot::channel();
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || listen(stderr, tell));
        }
        // From here on dropping the value ends the process.
        let mut sidecar = Sidecar {
            child,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        let first = timeout(STARTS_WITHIN, told).await;
        let first = first
            .unwrap_or(Ok("it said nothing".to_owned()))
            .unwrap_or_default();
        sidecar.address = address_in(&first).ok_or_else(|| {
            CliError::failed(line!["the sidecar did not start: ", SafeLine::new(first.trim())])
        })?;
        Ok(sidecar)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks it to end; it answers what it still holds first.
    pub(super) fn stop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(program: &Path, plan: &Plan) -> Command {
    let mut command = Command::new(program);
    // Settings of the operator's own sidecars must not leak into this one.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SUPERVISE_")) {
        command.env_remove(name);
    }
    command
        .env("SUPERVISE_BOTTLE_SLUG", &plan.slug)
        .env("SUPERVISE_QUEUE_DIR", &plan.queue_dir)
        .env("SUPERVISE_BIND", "127.0.0.1")
        .env("SUPERVISE_PORT", "0")
        .env("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", HOLD_SECONDS)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Hands over the first line and keeps reading, so that the sidecar never writes into a full pipe.
fn listen(stderr: ChildStderr, tell: oneshot::Sender<String>) {
    let mut lines = BufReader::new(stderr);
    let mut first = String::new();
    let _ = lines.read_line(&mut first);
    let _ = tell.send(first);
    let _ = std::io::copy(&mut lines, &mut std::io::sink());
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once(LISTENING)?;
    after.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_first_line() {
        let at = address_in("2026-11-20T23:23:57Z INFO listening on 127.0.0.1:41234 slug=demo\n");
        assert_eq!(at, Some(SocketAddr::from(([127, 0, 0, 1], 41234))));
        assert_eq!(address_in("SUPERVISE_PORT: not a port"), None);
    }
}
