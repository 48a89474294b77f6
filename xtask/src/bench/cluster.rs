//! A temporary cluster of PostgreSQL with a fleet of one bottle, `bench`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use tempfile::TempDir;

use super::process::Guarded;
use super::program::{self, trouble};
use super::server::Ground;
use crate::ci::postgres::programs;
use crate::command::{self, Failed};

const STARTS_IN: Duration = Duration::from_secs(30);

/// The server ends with the value.
pub(super) struct Cluster {
    server: Guarded,
    _dir: TempDir,
    /// The sidecar's address, and the operators'.
    pub(super) bottle: String,
    pub(super) operators: String,
}

impl Cluster {
    /// `None` where PostgreSQL isn't installed.
    pub(super) fn start(ground: &Ground) -> Result<Option<Cluster>, Failed> {
        let Some(programs) = programs() else {
            return Ok(None);
        };
        let dir = program::scratch()?;
        give(dir.path())?;
        let data = dir.path().join("data");
        let mut initdb = as_postgres(&programs.join("initdb"));
        initdb.args([
            "--auth=trust",
            "--username=admin",
            "--encoding=UTF8",
            "--locale=C",
            "--pgdata",
        ]);
        command::read(initdb.arg(&data))?;
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(trouble("finding a port"))?
            .port();
        let mut postgres = as_postgres(&programs.join("postgres"));
        postgres
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k", ""])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Guarded::spawn(&mut postgres)?;
        let until = Instant::now() + STARTS_IN;
        let port = port.to_string();
        let created = || {
            let mut createdb = Command::new(programs.join("createdb"));
            createdb.args(["-h", "127.0.0.1", "-p", &port, "-U", "admin", "fleet"]);
            command::succeeds(&mut createdb)
        };
        while !created() {
            if Instant::now() >= until {
                return Err(Failed::new("PostgreSQL doesn't start"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let url = format!("postgres://admin:none@127.0.0.1:{port}/fleet");
        let address = |arguments: &[&str]| {
            let mut supervise = program::built("supervise")?;
            supervise.arg("--root").arg(ground.root()).arg("fleet");
            supervise.args(arguments).args(["--url", &url]);
            Ok(command::read(&mut supervise)?.trim().to_owned())
        };
        Ok(Some(Cluster {
            operators: address(&["init"])?,
            bottle: address(&["add-bottle", "bench"])?,
            server,
            _dir: dir,
        }))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.server.stop();
    }
}

/// Root can't run the server as itself.
fn as_postgres(program: &PathBuf) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    command.arg(program);
    command
}

fn give(path: &Path) -> Result<(), Failed> {
    if geteuid().is_root() {
        command::run(Command::new("chown").arg("postgres:postgres").arg(path))?;
    }
    Ok(())
}
