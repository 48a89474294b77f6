//! The server: accepts connections until it is told to stop, then answers what it holds and ends.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use supervise_core::SafeLine;
use supervise_store::Queue;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::contain::contain;
use crate::http::{self, Connections, Door};
use crate::log::Throttle;
use crate::sidecar::{Phase, Sidecar};

/// How long connections may take to end after the server was told to stop.
const STOP_TIME_LIMIT: Duration = Duration::from_secs(5);
/// How long accepting rests when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that may read the metrics at once.
const MAX_SCRAPES: usize = 8;

/// Serves MCP on `listener` until `shutdown` is ready, then answers every held call and returns, within
/// five seconds. The queue is closed at the end; nothing that was acknowledged is lost. Needs a tokio runtime
/// with I/O and time, of either flavour, and ends only with `shutdown`: trouble with a connection, a request
/// or the store is answered and logged. [`Config::bind`] and [`Config::port`] are not looked at.
///
/// ```
/// use supervise_sidecar::{Config, serve};
/// use supervise_store::Queue;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let config = Config::new("dev".parse()?, dir.path());
/// let queue = Queue::create(&config.queue_dir, &config.bottle).await?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// serve(listener, queue, config, async {}).await;
/// # Ok(())
/// # }
/// ```
pub async fn serve(listener: TcpListener, queue: Queue, config: Config, shutdown: impl Future<Output = ()>) {
    serve_doors(listener, None, queue, config, shutdown).await;
}

/// As [`serve`], with `GET /metrics` in Prometheus' text format on `metrics`, a port that no agent should
/// reach. [`Config::metrics`] is not looked at.
pub async fn serve_with_metrics(
    listener: TcpListener,
    metrics: TcpListener,
    queue: Queue,
    config: Config,
    shutdown: impl Future<Output = ()>,
) {
    serve_doors(listener, Some(metrics), queue, config, shutdown).await;
}

async fn serve_doors(
    agents: TcpListener,
    metrics: Option<TcpListener>,
    queue: Queue,
    config: Config,
    shutdown: impl Future<Output = ()>,
) {
    let (phase, phases) = watch::channel(Phase::Serving);
    let (alive, mut ended) = mpsc::channel(1);
    let sidecar = Arc::new(Sidecar::new(config, queue.clone(), phases));
    tokio::select! {
        () = accept(agents, Door::Agents, &sidecar, alive.clone(), shutdown) => {}
        () = accept_scrapes(metrics, &sidecar, alive) => {}
    }
    phase.send_replace(Phase::Stopping);
    // Every connection holds a sender; there is nothing to receive once the last one has ended.
    if timeout(STOP_TIME_LIMIT, ended.recv()).await.is_err() {
        phase.send_replace(Phase::Closed);
        ended.recv().await;
    }
    // Closing works on the last handle, and the sidecar has one.
    drop(sidecar);
    queue.close().await;
}

/// Never ready: the metrics don't end the server.
async fn accept_scrapes(metrics: Option<TcpListener>, sidecar: &Arc<Sidecar>, alive: mpsc::Sender<()>) {
    if let Some(listener) = metrics {
        accept(listener, Door::Metrics, sidecar, alive, pending()).await;
    }
    pending().await
}

async fn accept(
    listener: TcpListener,
    door: Door,
    sidecar: &Arc<Sidecar>,
    alive: mpsc::Sender<()>,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Connections::new(match door {
        Door::Agents => sidecar.config.max_connections,
        Door::Metrics => MAX_SCRAPES,
    });
    let trouble = Throttle::default();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.as_mut() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => open(sidecar, door, &connections, stream, peer, alive.clone()),
            Err(error) => {
                if let Some(skipped) = trouble.admit() {
                    tracing::warn!(error = %SafeLine::new(&error.to_string()), skipped, "can't accept a connection");
                }
                connections.evict_one();
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn open(
    sidecar: &Arc<Sidecar>,
    door: Door,
    connections: &Arc<Connections>,
    stream: TcpStream,
    peer: std::net::SocketAddr,
    alive: mpsc::Sender<()>,
) {
    // Without a seat the stream is dropped, which closes it.
    let Some(seat) = connections.admit() else { return };
    // Answers are whole writes; delaying them for more gains nothing. Failing only costs time.
    let _ = stream.set_nodelay(true);
    let sidecar = Arc::clone(sidecar);
    tokio::spawn(async move {
        // Requests contain their own panics; one around them ends this connection and no other.
        let driven = contain(http::drive(Arc::clone(&sidecar), door, stream, peer, seat)).await;
        if driven.is_err() {
            sidecar.note_panic();
        }
        drop(sidecar);
        drop(alive);
    });
}
