//! How much an agent may queue.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use supervise_core::Proposal;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::queue::Queue;

/// What a proposal takes beside its texts: its indices, and the journal while it is written.
const ROOM_BESIDE: u64 = 64 * 1024;

/// How much may be queued; 0 means no limit. Joining an identical proposal counts towards none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pending proposals of agents' tools.
    pub max_pending: u64,
    /// Proposals in any 60 seconds of this process.
    pub max_per_minute: u64,
    /// Bytes in the queue's database.
    pub max_queue_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_pending: 50,
            max_per_minute: 60,
            max_queue_bytes: 256 << 20,
        }
    }
}

/// A limit that was reached, with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::max_pending`].
    Pending(u64),
    /// [`Limits::max_per_minute`].
    PerMinute(u64),
    /// [`Limits::max_queue_bytes`].
    QueueBytes(u64),
}

/// How full a queue is, by the measures of [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Pending proposals of agents' tools.
    pub pending: u64,
    /// Bytes in use in the queue's database.
    pub bytes: u64,
}

impl Queue {
    /// How full the queue is.
    pub async fn usage(&self) -> Result<Usage, StoreError> {
        self.db()
            .read(|connection| {
                Box::pin(async {
                    Ok(Usage {
                        pending: count_pending(connection).await?,
                        bytes: used_bytes(connection).await?,
                    })
                })
            })
            .await
    }
}

/// When this process queued its last proposals. Monotonic, so a clock that is set back locks nobody out.
#[derive(Debug, Default)]
pub(crate) struct RateWindow(Mutex<VecDeque<Instant>>);

impl RateWindow {
    /// Whether one more proposal at `now` stays within `limit` a minute; counts it if so.
    pub(crate) fn admit(&self, now: Instant, limit: u64) -> bool {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while times
            .front()
            .is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(60))
        {
            times.pop_front();
        }
        let admitted = limit == 0 || (times.len() as u64) < limit;
        if admitted && limit != 0 {
            times.push_back(now);
        }
        admitted
    }
}

/// The first limit that one more proposal would break.
pub(crate) async fn reached(
    connection: &mut Connection,
    queue: &Queue,
    proposal: &Proposal,
    limits: Limits,
) -> Result<Option<Limit>, StoreError> {
    if limits.max_pending > 0 && count_pending(connection).await? >= limits.max_pending {
        return Ok(Some(Limit::Pending(limits.max_pending)));
    }
    if limits.max_queue_bytes > 0 {
        let texts = proposal.proposed_file.len() + proposal.justification.len();
        let room = ROOM_BESIDE.min(limits.max_queue_bytes / 8);
        let bytes = used_bytes(connection).await? + texts as u64 + room;
        if bytes > limits.max_queue_bytes {
            return Ok(Some(Limit::QueueBytes(limits.max_queue_bytes)));
        }
    }
    if !queue.rate().admit(Instant::now(), limits.max_per_minute) {
        return Ok(Some(Limit::PerMinute(limits.max_per_minute)));
    }
    Ok(None)
}

async fn count_pending(connection: &mut Connection) -> Result<u64, StoreError> {
    let query = "SELECT count(*) FROM supervise_proposals p
        WHERE p.archived = 0 AND p.tool IN ('egress-allow', 'egress-block', 'capability-block')
        AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id AND r.archived = 0)";
    let count: i64 = sqlx::query_scalar(query).fetch_one(&mut connection.sql).await?;
    Ok(count.unsigned_abs())
}

async fn used_bytes(connection: &mut Connection) -> Result<u64, StoreError> {
    let query = "SELECT (page_count - freelist_count) * page_size
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let bytes: i64 = sqlx::query_scalar(query).fetch_one(&mut connection.sql).await?;
    Ok(bytes.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_counted_over_sixty_seconds() {
        let window = RateWindow::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(window.admit(after(0), 2) && window.admit(after(30), 2));
        assert!(!window.admit(after(59), 2));
        assert!(window.admit(after(60), 2));
        assert!(!window.admit(after(61), 2));
        assert!(window.admit(after(61), 0));
    }
}
