//! The clock that every process on the machine shares, and the moment at which a commit is known.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC, in nanoseconds.
pub(crate) fn now() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Runs a future whose first await is a commit in the store's task, and says when that commit was
/// reported: the first poll hands the work over, and nothing but the report causes the second. Waiting
/// for the whole future instead would count what it does after the answer is out.
pub(crate) async fn committed_at<F: Future>(work: F) -> (F::Output, i64) {
    let mut work = pin!(work);
    let (mut polls, mut at) = (0, 0);
    let output = poll_fn(|context| {
        polls += 1;
        if polls == 2 {
            at = now();
        }
        work.as_mut().poll(context)
    })
    .await;
    (output, at)
}

/// Pauses between 10 and 60 ms that are spread evenly, so that no poll of the other side is always met in
/// the same phase.
pub(crate) struct Pauses(f64);

impl Pauses {
    pub(crate) const fn new() -> Pauses {
        Pauses(0.0)
    }

    pub(crate) async fn pause(&mut self) {
        // Steps of the golden ratio fill a circle evenly however many there are.
        self.0 = (self.0 + 0.618_034).fract();
        tokio::time::sleep(Duration::from_secs_f64(0.010 + 0.050 * self.0)).await;
    }
}

/// Milliseconds per run: the median and the longest.
pub(crate) fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    let longest = times.last().copied().unwrap_or_default();
    format!("{} {}", milliseconds(middle), milliseconds(longest))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// How long `work` takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}
