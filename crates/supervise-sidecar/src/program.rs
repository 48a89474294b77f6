//! The program around the server: arguments, environment, signals and exit codes.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::process::{Resource, getrlimit, setrlimit};
use supervise_core::SafeLine;
use supervise_store::{Queue, QueueUrl, StoreError};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::healthcheck;
use crate::server::{serve, serve_with_metrics};
use crate::settings::SETTINGS;

/// What went wrong is not the program's to repair: usage or configuration.
const USAGE: u8 = 2;

type Error = Box<dyn std::error::Error>;

/// Runs the program with its arguments (without its name) and a lookup of its environment.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<String>,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let words: Vec<&str> = arguments
        .iter()
        .map(|word| word.to_str().unwrap_or("?"))
        .collect();
    match words[..] {
        [] => run_server(environment),
        ["healthcheck"] => run_healthcheck(environment),
        ["--version" | "-V"] => print(&format!("supervise-sidecar {}\n", env!("CARGO_PKG_VERSION"))),
        ["--help" | "-h" | "help"] => print(&help()),
        [
            known @ ("healthcheck" | "--version" | "-V" | "--help" | "-h" | "help"),
            ..,
        ] => refuse(&format!("{known} takes no arguments")),
        [word, ..] => refuse(&format!(
            "unknown argument {:?}; settings come from the environment, see supervise-sidecar --help",
            SafeLine::new(word).as_str()
        )),
    }
}

fn run_server(environment: impl Fn(&str) -> Option<String>) -> ExitCode {
    let config = match Config::from_lookup(environment) {
        Ok(config) => config,
        Err(error) => return refuse(&error.to_string()),
    };
    crate::log::start();
    let url = match queue_url(&config) {
        Ok(url) => url,
        Err(error) => return refuse(&SafeLine::new(&error.to_string()).to_string()),
    };
    match start(config, &url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %SafeLine::new(&error.to_string()), "can't go on");
            ExitCode::FAILURE
        }
    }
}

fn run_healthcheck(environment: impl Fn(&str) -> Option<String>) -> ExitCode {
    match healthcheck::address(environment) {
        Err(error) => refuse(&error.to_string()),
        Ok(address) => match healthcheck::check(address) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error.to_string(), ExitCode::FAILURE),
        },
    }
}

/// Where the queue is. What a directory is marked as is told by whoever prepared it.
fn queue_url(config: &Config) -> Result<QueueUrl, StoreError> {
    match &config.queue_url {
        Some(url) => Ok(url.clone()),
        None => QueueUrl::find(&config.queue_dir),
    }
}

fn start(config: Config, url: &QueueUrl) -> Result<(), Error> {
    raise_descriptor_limit();
    // The runtime opens six descriptors at its start, and panics where it can't have those for signals.
    let pairs: io::Result<Vec<_>> = (0..3).map(|_| UnixStream::pair()).collect();
    drop(pairs?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let queue = Queue::connect(url, &config.bottle).await?;
        if let Some(warning) = queue.mount_warning() {
            tracing::warn!("{}", SafeLine::new(&warning));
        }
        let shutdown = shutdown_signal()?;
        let listener = TcpListener::bind(SocketAddr::new(config.bind, config.port)).await?;
        let metrics = match config.metrics {
            Some(address) => Some(TcpListener::bind(address).await?),
            None => None,
        };
        announce(&listener, &config, url)?;
        if let Some(metrics) = &metrics {
            tracing::info!("metrics on http://{}/metrics", metrics.local_addr()?);
        }
        attend(listener, metrics, queue, config, shutdown).await?;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Serves until `shutdown` is ready or the store has died. A process without a store can't help anybody, and
/// what restarts it looks at its end and not at its health.
async fn attend(
    listener: TcpListener,
    metrics: Option<TcpListener>,
    queue: Queue,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StoreError> {
    let died = queue.ended();
    let mut outcome = Ok(());
    let end = async {
        tokio::select! {
            () = shutdown => {}
            () = died => outcome = Err(StoreError::Gone),
        }
    };
    match metrics {
        Some(metrics) => serve_with_metrics(listener, metrics, queue, config, end).await,
        None => serve(listener, queue, config, end).await,
    }
    outcome
}

fn announce(listener: &TcpListener, config: &Config, url: &QueueUrl) -> io::Result<()> {
    let queue = url.to_string();
    tracing::info!(
        bottle = %config.bottle,
        queue = %SafeLine::new(&queue),
        "listening on {}",
        listener.local_addr()?
    );
    Ok(())
}

/// Each held call is a descriptor, and the usual soft limit is 1,024.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is forbidden, the limit stays what it was.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn help() -> String {
    let mut text = String::from(
        "supervise-sidecar: the MCP server beside an agent; holds each request until the operator has decided\n\n\
         Usage: supervise-sidecar              serve until SIGINT or SIGTERM\n\
         \x20      supervise-sidecar healthcheck  exit 0 if the server on SUPERVISE_PORT is well\n\
         \x20      supervise-sidecar --version\n\n\
         Settings, from the environment:\n",
    );
    for setting in &SETTINGS {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "  {:<36}{} [{}]",
            setting.name, setting.meaning, setting.default
        );
    }
    text + "\nExample:\n  SUPERVISE_BOTTLE_SLUG=dev SUPERVISE_QUEUE_DIR=~/.bot-bottle/queue/dev \\\n    \
            SUPERVISE_BIND=127.0.0.1 supervise-sidecar\n"
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn refuse(problem: &str) -> ExitCode {
    complain(problem, ExitCode::from(USAGE))
}

fn complain(problem: &str, code: ExitCode) -> ExitCode {
    // If stderr is gone, the exit code still tells.
    let _ = writeln!(io::stderr(), "supervise-sidecar: {problem}");
    code
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    const ASK: &str = r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"egress-allow",
        "arguments":{"host":"api.example.com","justification":"why"}}}"#;

    #[tokio::test]
    async fn when_the_store_dies_what_is_held_is_answered_and_the_end_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new("dev".parse().unwrap(), dir.path().join("queue"));
        let queue = Queue::create(&config.queue_dir, &config.bottle).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handle = queue.clone();
        let attended = tokio::spawn(attend(listener, None, queue, config, std::future::pending()));
        let mut client = TcpStream::connect(address).await.unwrap();
        let length = ASK.len();
        let request = format!("POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: {length}\r\n\r\n{ASK}");
        client.write_all(request.as_bytes()).await.unwrap();
        while handle.usage().await.unwrap().pending == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(handle.panic_in_task().await.is_err());
        drop(handle);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("-32603") && answer.contains("\"x\""), "{answer}");
        let ended = tokio::time::timeout(Duration::from_secs(5), attended).await;
        assert!(matches!(ended.unwrap().unwrap(), Err(StoreError::Gone)));
    }

    #[tokio::test]
    async fn a_signal_is_no_failure() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new("dev".parse().unwrap(), dir.path().join("queue"));
        let queue = Queue::create(&config.queue_dir, &config.bottle).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(attend(listener, None, queue, config, async {}).await.is_ok());
    }
}
