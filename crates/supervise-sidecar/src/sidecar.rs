//! What every request shares.

use std::sync::Arc;
use std::time::Duration;

use supervise_core::SafeLine;
use supervise_store::{Queue, StoreError, Usage};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::config::Config;
use crate::hold::Calls;
use crate::log::Throttle;
use crate::mcp::Catalogue;
use crate::metrics::Metrics;
use crate::rpc::Problem;

/// Look-ups that may run at once: each is a connection to the proxy.
const LOOKUPS: usize = 4;
/// Request bodies that are being read share so many KiB.
const BODIES_KIB: usize = 32 * 1024;

const HEALTH_TIME_LIMIT: Duration = Duration::from_secs(2);

/// How far the server is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// Held calls are answered, connections end after their answer.
    Stopping,
    /// Whatever is left is cut off.
    Closed,
}

pub(crate) struct Sidecar {
    pub(crate) config: Config,
    pub(crate) queue: Queue,
    pub(crate) catalogue: Catalogue,
    pub(crate) calls: Calls,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) lookups: Arc<Semaphore>,
    pub(crate) bodies: Arc<Semaphore>,
    phase: watch::Receiver<Phase>,
    errors: Throttle,
    panics: Throttle,
    holds: Throttle,
}

impl Sidecar {
    pub(crate) fn new(config: Config, queue: Queue, phase: watch::Receiver<Phase>) -> Self {
        Sidecar {
            config,
            queue,
            catalogue: Catalogue::new(),
            calls: Calls::default(),
            metrics: Metrics::new(),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            bodies: Arc::new(Semaphore::new(BODIES_KIB)),
            phase,
            errors: Throttle::default(),
            panics: Throttle::default(),
            holds: Throttle::default(),
        }
    }

    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// Ready once the server stops, or is gone.
    pub(crate) async fn stopping(&self) {
        let _ = self.phase().wait_for(|phase| *phase != Phase::Serving).await;
    }

    /// Whether what is queued now would ever be seen: the store answers, and its file is where the
    /// operator looks. An open database would outlive its deleted file unnoticed.
    pub(crate) async fn is_well(&self) -> bool {
        let well = timeout(HEALTH_TIME_LIMIT, self.queue.check_health()).await;
        matches!(well, Ok(Ok(())))
    }

    /// How full the queue is; `None` if the server isn't well.
    pub(crate) async fn usage(&self) -> Option<Usage> {
        if !self.is_well().await {
            return None;
        }
        let usage = timeout(HEALTH_TIME_LIMIT, self.queue.usage()).await;
        usage.ok()?.ok()
    }

    /// Tells the operator's log that somebody waits; an agent that asks in a loop gets a line a second.
    pub(crate) fn note_held(&self, proposal: &str) {
        if let Some(skipped) = self.holds.admit() {
            tracing::info!(%proposal, skipped, "a call waits for a decision");
        }
    }

    /// Logs what the agent isn't told. An agent can cause these as fast as it can call, so only some are.
    pub(crate) fn internal_error(&self, error: &StoreError) -> Problem {
        self.metrics.internal_errors.add_one();
        if let Some(skipped) = self.errors.admit() {
            tracing::error!(error = %SafeLine::new(&error.to_string()), skipped, "a call failed");
        }
        Problem::internal()
    }

    /// Counts a panic that was contained.
    pub(crate) fn note_panic(&self) {
        self.metrics.panics.add_one();
        if let Some(skipped) = self.panics.admit() {
            tracing::error!(skipped, "a panic was contained");
        }
    }

    /// The answer to a request in which something panicked.
    pub(crate) fn panicked(&self) -> Problem {
        self.note_panic();
        self.metrics.internal_errors.add_one();
        Problem::internal()
    }
}
