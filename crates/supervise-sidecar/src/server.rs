//! The server: accepts connections until it is told to stop, then answers what it holds and ends.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use supervise_core::SafeLine;
use supervise_store::Queue;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::http::{self, Connections};
use crate::log::Throttle;
use crate::sidecar::{Phase, Sidecar};

/// How long connections may take to end after the server was told to stop.
const STOP_TIME_LIMIT: Duration = Duration::from_secs(5);
/// How long accepting rests when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves MCP on `listener` until `shutdown` is ready, then answers every held call and returns, within
/// five seconds. The queue is closed at the end; nothing that was acknowledged is lost.
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
    let (phase, phases) = watch::channel(Phase::Serving);
    let (alive, mut ended) = mpsc::channel(1);
    let sidecar = Arc::new(Sidecar::new(config, queue.clone(), phases));
    accept(listener, &sidecar, alive, shutdown).await;
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

async fn accept(
    listener: TcpListener,
    sidecar: &Arc<Sidecar>,
    alive: mpsc::Sender<()>,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Connections::new(sidecar.config.max_connections);
    let trouble = Throttle::default();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.as_mut() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => open(sidecar, &connections, stream, peer, alive.clone()),
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
    // A panic ends this task, and with it one connection.
    tokio::spawn(async move {
        http::drive(sidecar, stream, peer, seat).await;
        drop(alive);
    });
}
