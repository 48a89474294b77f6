//! What a decision carries from step to step, and how it ends when a step fails.

use crate::error::{DecisionError, StoreError};
use crate::host::Host;
use crate::intents::{AuditedAs, Intent};
use crate::lock::BottleLock;
use crate::queue::Queue;

/// What every step carries along. The lock is held until the last one.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) host: Host,
    pub(super) queue: Queue,
    pub(super) _lock: BottleLock,
}

impl Course {
    /// No answer without its audit entry: the decision is taken back. Where even that fails, the intent is
    /// still there, and the next to take the lock carries it out.
    pub(super) async fn take_back(&self, intent: &Intent, error: StoreError) -> DecisionError {
        if self.host.intent_delete(&intent.token).await.is_err() {
            return DecisionError::Unfinished {
                status: intent.status,
                source: error,
            };
        }
        // A claim that stays is released by the next to take the lock.
        let _ = self.queue.claim_release(&intent.token).await;
        error.into()
    }

    /// The answer was refused, which no later try will change; or it failed, and will be finished later.
    pub(super) async fn give_up(
        &self,
        intent: &Intent,
        audited: AuditedAs,
        error: StoreError,
    ) -> DecisionError {
        let unfinished = |source| DecisionError::Unfinished {
            status: intent.status,
            source,
        };
        if !error.spares_transaction() {
            return unfinished(error);
        }
        if let Err(source) = self.host.intent_fail(intent, &error.to_string()).await {
            return unfinished(source);
        }
        let _ = self.queue.claim_release(&intent.token).await;
        DecisionError::Undelivered {
            status: intent.status,
            applied: audited.applied,
            audit_id: audited.audit_id,
            source: error,
        }
    }
}
