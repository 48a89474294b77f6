//! Being asked to stop, by the operator or by the system.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CliError, Kind};

/// Resolves when this program is asked to stop, so that whoever waits can leave the terminal and the disk tidy.
pub(crate) async fn stop() -> CliError {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let [mut interrupt, mut terminate, mut hangup] = kinds.map(|kind| signal(kind).ok());
    tokio::select! {
        () = next(&mut interrupt) => {}
        () = next(&mut terminate) => {}
        () = next(&mut hangup) => {}
    }
    interrupted()
}

/// The end by a signal. Whatever was not decided by then stays pending.
pub(crate) fn interrupted() -> CliError {
    CliError::new(
        Kind::Interrupted,
        "interrupted; what was not decided is still pending",
    )
}

/// Where a signal can't be taken, its own effect stays.
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
