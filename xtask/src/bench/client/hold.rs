//! Many calls at once, each for something else, until all are answered.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use super::ask::{self, Accept};
use super::connection::Connection;
use super::{now, say};

/// Connections that may be on their way at once: the backlog of a listener is short.
const CONNECTING: usize = 64;

#[derive(clap::Args)]
pub(super) struct Args {
    calls: usize,
    accept: Accept,
    /// Seconds until the calls that are left count as lost
    patience: u64,
}

/// How one call ended: when, and with what body.
type Ending = io::Result<(i64, String)>;

/// What all the calls came to.
#[derive(Default)]
struct Tally {
    approved: usize,
    last_at: i64,
    progress: usize,
    /// The first answer that was none.
    example: Option<String>,
}

pub(super) async fn run(address: SocketAddr, args: &Args) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(args.patience);
    let connecting = Arc::new(Semaphore::new(CONNECTING));
    let (sent, mut all_sent) = mpsc::channel::<()>(1);
    let (endings, mut ended) = mpsc::unbounded_channel();
    for number in 0..args.calls {
        let request = ask::propose(&format!("call-{number}"), args.accept);
        let (connecting, sent, endings) = (Arc::clone(&connecting), sent.clone(), endings.clone());
        tokio::spawn(async move {
            // Whoever counts has gone when the time is up.
            let _ = endings.send(call(address, request, connecting, sent).await);
        });
    }
    drop((sent, endings));
    // Every unsent call has a sender; nothing is ever sent on it.
    let all_in_time = timeout_at(deadline, all_sent.recv()).await.is_ok();
    say(&json!({"sent": all_in_time}))?;
    let mut tally = Tally::default();
    while let Ok(Some(ending)) = timeout_at(deadline, ended.recv()).await {
        tally.count(ending);
    }
    say(&json!({
        "approved": tally.approved,
        "lost": args.calls - tally.approved,
        "last_at": tally.last_at,
        "progress": tally.progress,
        "example": tally.example,
    }))
}

async fn call(
    address: SocketAddr,
    request: Vec<u8>,
    connecting: Arc<Semaphore>,
    sent: mpsc::Sender<()>,
) -> Ending {
    let mut connection = Connection::new(address);
    let turn = connecting.acquire().await;
    connection.send(&request).await?;
    drop((turn, sent, request));
    let body = connection.receive().await?;
    Ok((now(), body))
}

impl Tally {
    fn count(&mut self, ending: Ending) {
        match ending {
            Ok((at, body)) if body.contains("status: approved") => {
                self.approved += 1;
                self.last_at = self.last_at.max(at);
                self.progress += body.matches("notifications/progress").count();
            }
            Ok((_, body)) => self.example = self.example.take().or(Some(body)),
            Err(error) => self.example = self.example.take().or(Some(error.to_string())),
        }
    }
}
