//! What the sidecar counts, for whoever operates it. Nothing an agent wrote is ever part of it.

mod cells;
mod text;

use std::sync::Arc;
use std::time::{Duration, Instant};

use supervise_core::Status;
use supervise_store::{Hold, Limit};

use cells::{Counter, Gauge, Histogram};

/// From what a person decides at once to the longest a client waits.
const HOLD_BOUNDS: &[f64] = &[0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
const ANSWER_BOUNDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0];

/// The numbers of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    held: Gauge,
    connections: Gauge,
    pub(crate) connected: Counter,
    pub(crate) evicted: Counter,
    opened: Counter,
    joined: Counter,
    pub(crate) withdrawn: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) left: Counter,
    pub(crate) internal_errors: Counter,
    pub(crate) panics: Counter,
    decided: PerStatus,
    refused: PerLimit,
    rejected: PerReason,
    hold_seconds: Histogram,
    answer_seconds: Histogram,
}

#[derive(Debug, Default)]
struct PerStatus {
    approved: Counter,
    modified: Counter,
    rejected: Counter,
}

#[derive(Debug, Default)]
struct PerLimit {
    pending: Counter,
    per_minute: Counter,
    queue_bytes: Counter,
    connections: Counter,
    lookups: Counter,
}

#[derive(Debug, Default)]
struct PerReason {
    malformed: Counter,
    slow: Counter,
    host: Counter,
    origin: Counter,
    method: Counter,
}

/// A limit of the sidecar's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    Connections,
    Lookups,
}

/// Why a head got no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    Malformed,
    Slow,
    Host,
    Origin,
    Method,
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Metrics {
            held: Gauge::default(),
            connections: Gauge::default(),
            connected: Counter::default(),
            evicted: Counter::default(),
            opened: Counter::default(),
            joined: Counter::default(),
            withdrawn: Counter::default(),
            timed_out: Counter::default(),
            left: Counter::default(),
            internal_errors: Counter::default(),
            panics: Counter::default(),
            decided: PerStatus::default(),
            refused: PerLimit::default(),
            rejected: PerReason::default(),
            hold_seconds: Histogram::new(HOLD_BOUNDS),
            answer_seconds: Histogram::new(ANSWER_BOUNDS),
        })
    }

    /// A call is held as long as the value lives.
    pub(crate) fn hold(self: &Arc<Self>) -> Holding {
        self.held.rise();
        let since = Instant::now();
        Holding(Arc::clone(self), since)
    }

    /// A connection is open as long as the value lives.
    pub(crate) fn connect(self: &Arc<Self>) -> Connected {
        self.connections.rise();
        self.connected.add_one();
        Connected(Arc::clone(self))
    }

    /// A call waits for a proposal that it has just queued or joined.
    pub(crate) fn asked(&self, hold: &Hold) {
        if hold.has_joined() {
            &self.joined
        } else {
            &self.opened
        }
        .add_one();
    }

    /// A caller is given a decision.
    pub(crate) fn decided(&self, status: Status) {
        let counters = &self.decided;
        match status {
            Status::Approved => &counters.approved,
            Status::Modified => &counters.modified,
            Status::Rejected => &counters.rejected,
        }
        .add_one();
    }

    /// The answer that carries a decision is written.
    pub(crate) fn answered(&self, after: Duration) {
        self.answer_seconds.observe(after);
    }

    /// The store refused an ask.
    pub(crate) fn refused(&self, limit: &Limit) {
        let counters = &self.refused;
        match limit {
            Limit::Pending(_) => &counters.pending,
            Limit::PerMinute(_) => &counters.per_minute,
            Limit::QueueBytes(_) => &counters.queue_bytes,
        }
        .add_one();
    }

    pub(crate) fn full(&self, what: Full) {
        let counters = &self.refused;
        match what {
            Full::Connections => &counters.connections,
            Full::Lookups => &counters.lookups,
        }
        .add_one();
    }

    pub(crate) fn rejected(&self, why: Rejected) {
        let counters = &self.rejected;
        match why {
            Rejected::Malformed => &counters.malformed,
            Rejected::Slow => &counters.slow,
            Rejected::Host => &counters.host,
            Rejected::Origin => &counters.origin,
            Rejected::Method => &counters.method,
        }
        .add_one();
    }
}

/// A held call.
pub(crate) struct Holding(Arc<Metrics>, Instant);

impl Drop for Holding {
    fn drop(&mut self) {
        self.0.held.fall();
        self.0.hold_seconds.observe(self.1.elapsed());
    }
}

/// An open connection.
pub(crate) struct Connected(Arc<Metrics>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fall();
    }
}
