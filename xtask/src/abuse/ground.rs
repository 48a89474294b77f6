//! A root on the disk, and sidecars on its bottles that are looked at from outside.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Args;
use crate::command::Failed;

const START_TIME_LIMIT: Duration = Duration::from_secs(20);

/// A root, and the programs.
pub(super) struct Ground {
    dir: TempDir,
    sidecar: PathBuf,
    operator: PathBuf,
}

/// A running sidecar.
pub(super) struct Sidecar {
    child: Child,
    log: PathBuf,
    pub(super) queue: PathBuf,
    pub(super) address: SocketAddr,
    metrics: SocketAddr,
}

impl Ground {
    pub(super) fn new(args: &Args) -> Result<Ground, Failed> {
        let own = std::env::current_exe().map_err(trouble("finding the target folder"))?;
        let target = own.ancestors().nth(2).unwrap_or(&own);
        let programs = target.join(if args.release { "release" } else { "debug" });
        // Beside the programs: /tmp may be memory, where a commit costs nothing.
        let dir = tempfile::Builder::new().prefix("abuse-").tempdir_in(&programs);
        let dir = dir.map_err(trouble("making a folder"))?;
        let sidecar = match &args.sidecar {
            Some(sidecar) => fs::canonicalize(sidecar)
                .map_err(|error| Failed::new(format!("{}: {error}", sidecar.display())))?,
            None => programs.join("supervise-sidecar"),
        };
        let operator = programs.join("supervise");
        Ok(Ground {
            dir,
            sidecar,
            operator,
        })
    }

    /// Starts the sidecar of a bottle.
    pub(super) fn sidecar(&self, bottle: &str, settings: &[(&str, &str)]) -> Result<Sidecar, Failed> {
        let log = self.dir.path().join(format!("{bottle}.log"));
        let queue = self.dir.path().join("queue").join(bottle);
        let stderr = File::create(&log).map_err(trouble("making a log"))?;
        let child = Command::new(&self.sidecar)
            .env_clear()
            .env("SUPERVISE_BOTTLE_SLUG", bottle)
            .env("SUPERVISE_QUEUE_DIR", &queue)
            .env("SUPERVISE_BIND", "127.0.0.1")
            .env("SUPERVISE_PORT", "0")
            .env("SUPERVISE_METRICS", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(trouble("starting the sidecar"))?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut sidecar = Sidecar {
            child,
            log,
            queue,
            address: nowhere,
            metrics: nowhere,
        };
        sidecar.read_addresses()?;
        Ok(sidecar)
    }

    /// The operator's `supervise list`.
    pub(super) fn list(&self) -> Command {
        let mut list = Command::new(&self.operator);
        list.args(["list", "--json", "--root"]).arg(self.dir.path());
        list
    }
}

impl Sidecar {
    fn read_addresses(&mut self) -> Result<(), Failed> {
        let begun = Instant::now();
        loop {
            let log = self.log();
            let after = |mark: &str| {
                let rest = log.split_once(mark)?.1;
                rest.split([' ', '/', '\n']).next()?.parse().ok()
            };
            if let (Some(address), Some(metrics)) = (after("listening on "), after("metrics on http://")) {
                (self.address, self.metrics) = (address, metrics);
                return Ok(());
            }
            if begun.elapsed() > START_TIME_LIMIT {
                return Err(Failed::new(format!("the sidecar doesn't start: {log}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Resident memory in MiB.
    pub(super) fn resident_mib(&self) -> Result<f64, Failed> {
        let status = self.proc("status");
        let status = fs::read_to_string(&status).map_err(trouble("the sidecar is gone"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.map(|kib| kib / 1024.0)
            .ok_or_else(|| Failed::new("no VmRSS in the sidecar's status"))
    }

    pub(super) fn descriptors(&self) -> Result<f64, Failed> {
        let entries = fs::read_dir(self.proc("fd")).map_err(trouble("the sidecar is gone"))?;
        Ok(entries.count() as f64)
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(name)
    }

    /// A number of its metrics.
    pub(super) fn metric(&self, name: &str) -> Result<f64, Failed> {
        let page = ask(self.metrics, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .map_err(trouble("reading the metrics"))?;
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok())
            .ok_or_else(|| Failed::new(format!("no {name} among the metrics")))
    }

    pub(super) fn is_healthy(&self) -> bool {
        let request = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        ask(self.address, request).is_ok_and(|answer| answer.ends_with("\r\n\r\nok\n"))
    }

    /// The largest that the queue's files are together.
    pub(super) fn queue_bytes(&self) -> f64 {
        let entries = fs::read_dir(&self.queue).into_iter().flatten().flatten();
        // A journal may go while it is looked at.
        entries
            .filter_map(|entry| entry.metadata().ok())
            .map(|metadata| metadata.len() as f64)
            .sum()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own, which the server closes.
pub(super) fn ask(address: SocketAddr, request: &str) -> std::io::Result<String> {
    use std::io::Write as _;
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A legacy request that ends its connection.
pub(super) fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nHost: supervise\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Turns an I/O error into a failure that says what was being done.
pub(super) fn trouble(doing: &str) -> impl Fn(std::io::Error) -> Failed {
    move |error| Failed::new(format!("{doing}: {error}"))
}

/// A runtime for clients.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(trouble("starting the clients"))
}
