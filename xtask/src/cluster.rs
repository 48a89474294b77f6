//! A temporary cluster of PostgreSQL with an empty database, `fleet`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::ci::postgres::programs;
use crate::command::{self, Failed};
use crate::guarded::Guarded;

const STARTS_IN: Duration = Duration::from_secs(30);

/// The server ends with the value.
pub(crate) struct Cluster {
    server: Guarded,
    programs: PathBuf,
    port: String,
    _dir: TempDir,
}

impl Cluster {
    /// Its files lie in a new folder in `place`, which goes with it.
    pub(crate) fn start(place: &Path) -> Result<Cluster, Failed> {
        let programs = programs()?;
        let trouble = |doing: &str, error| Failed::new(format!("{doing}: {error}"));
        let dir = tempfile::Builder::new()
            .prefix("cluster-")
            .tempdir_in(place)
            .map_err(|error| trouble("making a folder for PostgreSQL", error))?;
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
            .map_err(|error| trouble("finding a port", error))?
            .port()
            .to_string();
        let mut postgres = as_postgres(&programs.join("postgres"));
        postgres
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port, "-k", ""])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let cluster = Cluster {
            server: Guarded::spawn(&mut postgres)?,
            programs,
            port,
            _dir: dir,
        };
        let until = Instant::now() + STARTS_IN;
        while !command::succeeds(cluster.client("createdb").arg("fleet")) {
            if Instant::now() >= until {
                return Err(Failed::new("PostgreSQL doesn't start"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(cluster)
    }

    /// The superuser's address of the database.
    pub(crate) fn admin_url(&self) -> String {
        format!("postgres://admin:none@127.0.0.1:{}/fleet", self.port)
    }

    /// Runs one statement as the superuser.
    pub(crate) fn run(&self, statement: &str) -> Result<(), Failed> {
        let mut psql = self.client("psql");
        psql.args([
            "--no-psqlrc",
            "--set=ON_ERROR_STOP=1",
            "--dbname=fleet",
            "--command",
        ]);
        match command::succeeds(psql.arg(statement)) {
            true => Ok(()),
            false => Err(Failed::new(format!("PostgreSQL refused: {statement}"))),
        }
    }

    fn client(&self, name: &str) -> Command {
        let mut client = Command::new(self.programs.join(name));
        client.args(["-h", "127.0.0.1", "-p", &self.port, "-U", "admin"]);
        client
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.server.stop();
    }
}

/// Root can't run the server as itself.
fn as_postgres(program: &Path) -> Command {
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
