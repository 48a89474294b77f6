//! What a client has not taken yet, and how long it may take for it.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long a place is kept for a client that doesn't take its answer while others need one. Filling what
/// the kernel keeps of an answer takes work: in this time nobody gets that far on every connection.
const GRACE: Duration = Duration::from_millis(500);
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

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Nothing.
    Whole,
    /// Others come first.
    Worn,
    /// The client is given up.
    Gone,
}

impl Backlog {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Backlog {
            begun: now,
            progress: now,
            timer: Box::pin(sleep_until(now + GRACE)),
        }
    }

    /// Some of it was written.
    pub(super) fn progress(&mut self) {
        self.progress = Instant::now();
    }

    /// How it stands, for a write that can't go on now. Wakes the connection when that changes.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Patience {
        loop {
            let now = Instant::now();
            let end = (self.begun + TOTAL_LIMIT).min(self.progress + STALL_LIMIT);
            let (patience, next) = if now >= end {
                return Patience::Gone;
            } else if self.is_worn() {
                (Patience::Worn, end)
            } else {
                (Patience::Whole, self.begun + GRACE)
            };
            self.timer.as_mut().reset(next);
            // Polled, so that the timer knows whom to wake.
            if self.timer.as_mut().poll(cx).is_pending() {
                return patience;
            }
        }
    }

    pub(super) fn is_worn(&self) -> bool {
        self.begun.elapsed() >= GRACE
    }
}
