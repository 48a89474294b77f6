//! What a client has not taken yet, and how long it may take for it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may take none of the bytes that wait for it.
const STALL_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take for all of them. Without this end a byte now and then would keep a place for ever.
const TOTAL_LIMIT: Duration = Duration::from_secs(120);

/// Bytes that have been waiting since a write couldn't go on, and have not all been written since.
pub(super) struct Backlog {
    begun: Instant,
    progress: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Backlog {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Backlog {
            begun: now,
            progress: now,
            timer: Box::pin(sleep_until(now + STALL_LIMIT)),
        }
    }

    /// Some of it was written.
    pub(super) fn progress(&mut self) {
        self.progress = Instant::now();
    }

    /// For a write that can't go on now: ready when the client is given up, of which the connection is woken.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let end = (self.begun + TOTAL_LIMIT).min(self.progress + STALL_LIMIT);
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(end);
            // Polled, so that the timer knows whom to wake.
            ready!(self.timer.as_mut().poll(cx));
        }
    }
}
