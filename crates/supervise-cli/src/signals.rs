//! Being asked to stop, by the operator or by the system.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::error::{CliError, Kind};

/// Resolves when this program is asked to stop, so that whoever waits can leave the terminal and the disk tidy.
pub(crate) async fn stop() -> CliError {
    Signals::taken().next().await;
    interrupted()
}

/// The end by a signal. Whatever was not decided by then stays pending.
pub(crate) fn interrupted() -> CliError {
    CliError::new(
        Kind::Interrupted,
        "interrupted; what was not decided is still pending",
    )
}

/// Signals that are counted instead of ending the program: a decision that has begun comes to an end of its own.
#[derive(Debug)]
pub(crate) struct Stops {
    count: watch::Receiver<u32>,
}

impl Stops {
    /// Counts from here on, to the end of the program.
    pub(crate) fn counted() -> Stops {
        let (tell, count) = watch::channel(0);
        let mut signals = Signals::taken();
        tokio::spawn(async move {
            loop {
                signals.next().await;
                tell.send_modify(|count| *count += 1);
            }
        });
        Stops { count }
    }

    /// Resolves when there were `times` of them.
    pub(crate) async fn reach(&self, times: u32) {
        let mut count = self.count.clone();
        if count.wait_for(|count| *count >= times).await.is_err() {
            // Nobody counts any more: the program is ending.
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn any(&self) -> bool {
        *self.count.borrow() > 0
    }
}

/// Where a signal can't be taken, its own effect stays.
struct Signals([Option<Signal>; 3]);

impl Signals {
    fn taken() -> Signals {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        Signals(kinds.map(|kind| signal(kind).ok()))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            () = next(interrupt) => {}
            () = next(terminate) => {}
            () = next(hangup) => {}
        }
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
