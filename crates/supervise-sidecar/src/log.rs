//! The log: structured lines on stderr, and a bound on how many an agent can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use supervise_core::SafeLine;
use tracing::Level;

/// Lines of one kind come at most this often.
const INTERVAL: Duration = Duration::from_secs(1);
const MAX_CHARS: usize = 300;

/// Sends log lines to stderr, and panics through them: a panic's text may hold an agent's.
pub(crate) fn start() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(Level::INFO)
        .init();
    let panics = Throttle::default();
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(skipped) = panics.admit() {
            let at = panic.location().map(ToString::to_string).unwrap_or_default();
            let what = panic.payload_as_str().unwrap_or("no message");
            tracing::error!(%at, what = %shortened(what), skipped, "a task panicked");
        }
    }));
}

/// What an agent sent, or what repeats it, may be long; escaped it is longer still.
pub(crate) fn shortened(text: &str) -> SafeLine {
    let short: String = text.chars().take(MAX_CHARS).collect();
    SafeLine::new(&short)
}

/// Lets one line through a second, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    last: Option<Instant>,
    skipped: u64,
}

impl Throttle {
    /// Whether a line may be written now: how many were skipped since the last one.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.last.is_some_and(|last| now.duration_since(last) < INTERVAL) {
            lines.skipped += 1;
            return None;
        }
        lines.last = Some(now);
        Some(std::mem::take(&mut lines.skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_between_are_counted() {
        let throttle = Throttle::default();
        let now = Instant::now();
        assert_eq!(throttle.admit_at(now), Some(0));
        assert_eq!(throttle.admit_at(now), None);
        assert_eq!(throttle.admit_at(now + INTERVAL / 2), None);
        assert_eq!(throttle.admit_at(now + INTERVAL), Some(2));
        assert_eq!(throttle.admit_at(now + INTERVAL * 2), Some(0));
    }
}
