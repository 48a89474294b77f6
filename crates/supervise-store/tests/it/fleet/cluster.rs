//! A temporary cluster of PostgreSQL, which ends with its value, also when a test panics.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use supervise_core::Slug;
use tempfile::TempDir;

use crate::{FleetAdmin, FleetUrl};

const PASSWORD: &str = "the-admin-s-own";
/// A machine under load takes its time.
const STARTS_IN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(crate) struct Cluster {
    dir: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// Makes a cluster and starts it, with an empty database `fleet`.
    pub(crate) async fn start() -> Cluster {
        Cluster::configured("", |_| {}).await
    }

    /// The same with more lines of configuration; `prepare` may put files beside it first.
    pub(crate) async fn configured(lines: &str, prepare: impl FnOnce(&Path)) -> Cluster {
        let dir = tempfile::Builder::new().prefix("fleet").tempdir().unwrap();
        let password = dir.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        prepare(dir.path());
        give(dir.path());
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut cluster = Cluster {
            dir,
            port,
            server: None,
        };
        let data = cluster.data();
        let made = program("initdb")
            .args([
                "--auth=scram-sha-256",
                "--username=admin",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb: {made}");
        let config = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nfsync = on\n\
             max_connections = 200\nlog_statement = 'all'\nlogging_collector = off\n{lines}\n",
            cluster.dir.path().display()
        );
        fs::write(data.join("postgresql.auto.conf"), config).unwrap();
        give(&data.join("postgresql.auto.conf"));
        cluster.run().await;
        let mut admin = cluster
            .sql(&cluster.url("postgres", "admin", PASSWORD))
            .await
            .unwrap();
        run(&mut admin, "CREATE DATABASE fleet").await.unwrap();
        cluster
    }

    /// The same with TLS: `server.crt` and `server.key` in `from` are its own.
    #[allow(dead_code, reason = "not every program's tests need it")]
    pub(crate) async fn encrypted(lines: &str, from: &Path) -> Cluster {
        let lines =
            format!("ssl = on\nssl_cert_file = '../server.crt'\nssl_key_file = '../server.key'\n{lines}");
        let copy = |to: &Path| {
            for file in ["server.crt", "server.key"] {
                fs::copy(from.join(file), to.join(file)).unwrap();
            }
        };
        Cluster::configured(&lines, copy).await
    }

    /// Starts the server and waits until it lets somebody in.
    pub(crate) async fn run(&mut self) {
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.log_path())
            .unwrap();
        let server = program("postgres")
            .arg("-D")
            .arg(self.data())
            .stderr(log)
            .stdout(Stdio::null())
            .spawn();
        self.server = Some(server.unwrap());
        let until = tokio::time::Instant::now() + STARTS_IN;
        while let Err(error) = self.sql(&self.url("postgres", "admin", PASSWORD)).await {
            assert!(tokio::time::Instant::now() < until, "{error}\n{}", self.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Ends the server at once; what is committed is there when it runs again.
    pub(crate) fn stop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let pid = Pid::from_child(&server);
        // As root the server is another's child only in name: the program before it became it.
        let _ = kill_process(pid, Signal::QUIT);
        let _ = server.wait();
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Everything that the server has written.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    #[allow(dead_code, reason = "the tests of TLS alone name it themselves")]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn url(&self, database: &str, role: &str, password: &str) -> FleetUrl {
        let url = format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", self.port);
        url.parse().unwrap()
    }

    /// The administrator's address.
    pub(crate) fn admin_url(&self) -> FleetUrl {
        self.url("fleet", "admin", PASSWORD)
    }

    /// A fleet that is set up, and its operators' address.
    pub(crate) async fn fleet(&self) -> (FleetAdmin, FleetUrl) {
        let mut admin = FleetAdmin::connect(&self.admin_url()).await.unwrap();
        let operator = admin.init(None).await.unwrap().expect("a first address");
        (admin, operator)
    }

    /// A plain connection: no limits, no checks.
    pub(crate) async fn sql(&self, url: &FleetUrl) -> Result<PgConnection, sqlx::Error> {
        let options: PgConnectOptions = url.expose().parse()?;
        options.connect().await
    }

    pub(crate) async fn admin_sql(&self) -> PgConnection {
        self.sql(&self.admin_url()).await.unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn slug(name: &str) -> Slug {
    name.parse().unwrap()
}

/// Runs one statement; how many rows it touched or gave, or the server's code for refusing it.
pub(crate) async fn run(connection: &mut PgConnection, statement: &str) -> Result<u64, String> {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned()))
        .fetch_all(connection)
        .await;
    match done {
        Ok(rows) => Ok(rows.len() as u64),
        Err(error) => {
            let code = error.as_database_error().and_then(|error| error.code());
            Err(code.map_or_else(|| error.to_string(), |code| code.into_owned()))
        }
    }
}

/// A root, and what it certifies as the server of `localhost`.
#[allow(dead_code, reason = "not every program's tests need it")]
pub(crate) fn certify(dir: &Path, root: &str, server: &str) {
    let path = |name: &str, end: &str| dir.join(format!("{name}.{end}"));
    let certificate = |name: &str, extension: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]);
        openssl.args(["-days", "2", "-subj", "/CN=a test", "-addext", extension]);
        openssl
            .arg("-keyout")
            .arg(path(name, "key"))
            .arg("-out")
            .arg(path(name, "crt"));
        openssl.stderr(Stdio::null());
        openssl
    };
    let mut own = certificate(root, "keyUsage=critical,keyCertSign");
    assert!(own.status().unwrap().success());
    let mut signed = certificate(server, "subjectAltName=DNS:localhost");
    signed.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    signed
        .arg("-CA")
        .arg(path(root, "crt"))
        .arg("-CAkey")
        .arg(path(root, "key"));
    assert!(signed.status().unwrap().success());
}

/// A program of PostgreSQL, which root can't run as itself.
fn program(name: &str) -> Command {
    let path = programs().join(name);
    if !geteuid().is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(path);
    command
}

/// Where the step found them, or where Debian puts them.
fn programs() -> PathBuf {
    if let Some(dir) = std::env::var_os("SUPERVISE_POSTGRES") {
        return dir.into();
    }
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL").flatten();
    versions
        .map(|version| version.path().join("bin"))
        .max()
        .expect("PostgreSQL")
}

/// Gives a path to the user that runs the server.
pub(crate) fn give(path: &Path) {
    if geteuid().is_root() {
        let given = Command::new("chown")
            .args(["-R", "postgres:postgres"])
            .arg(path)
            .status();
        assert!(given.unwrap().success());
    }
}
