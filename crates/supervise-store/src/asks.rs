//! The agent's side: asking, checking and withdrawing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::{Ask, Proposal, Status, Tool, now_timestamp};
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::hold::{Answer, Archiving, Delivery, End, Entrance, Hold, Taken};
use crate::queue::Queue;
use crate::retention;
use crate::row::{self, ANSWER_COLUMNS, Answered, MAX_TEXT_BYTES, parse_id};

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

/// What became of an ask.
#[derive(Debug)]
pub enum Asked {
    /// Stored or joined; wait for the decision.
    Held(Hold),
    /// An identical ask was decided after its caller had gone; this is that decision.
    Decided(Delivery),
    /// A limit was reached; nothing was stored.
    Refused(Limit),
}

/// What became of a proposal.
#[derive(Debug)]
pub enum Checked {
    /// Still pending; wait for the decision.
    Held(Hold),
    /// Decided, delivered or not.
    Decided(Delivery),
    /// Taken back.
    Withdrawn,
    /// No such proposal here.
    Unknown,
}

/// What became of a withdrawal.
#[derive(Debug)]
pub enum Withdrawal {
    /// Taken back, now or before.
    Withdrawn,
    /// Too late: an operator's decision is being carried out.
    BeingDecided,
    /// Too late: this is the decision.
    Decided(Delivery),
    /// No such proposal here.
    Unknown,
}

/// A proposal whose decision no caller has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The proposal.
    pub id: String,
    /// The tool that was called.
    pub tool: Tool,
    /// The decision; `None` while it is pending.
    pub status: Option<Status>,
}

/// When this process queued its last proposals. Monotonic, so a clock that is set back locks nobody out.
#[derive(Debug, Default)]
pub(crate) struct RateWindow(Mutex<VecDeque<Instant>>);

impl RateWindow {
    /// Whether one more proposal at `now` stays within `limit` a minute; counts it if so.
    fn admit(&self, now: Instant, limit: u64) -> bool {
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

/// The state of one proposal as its bottle's agent may see it.
enum Seen {
    Pending,
    Claimed,
    Decided(Arc<Answer>),
    Withdrawn,
    Unknown,
}

impl Queue {
    /// Queues what an agent asks for, or joins the pending proposal with the same payload, or hands out the
    /// decision on one whose caller has gone. Returns after the commit.
    pub async fn proposal_ask(&self, ask: Ask, limits: Limits) -> Result<Asked, StoreError> {
        let proposal = Proposal::new(self.slug(), ask.tool, ask.proposed_file, ask.justification);
        let queue = self.clone();
        self.db()
            .write(move |connection| Box::pin(open_or_join(connection, queue, proposal, limits)))
            .await
    }

    /// Looks at a proposal of an agent's tool and holds on to it while it is pending.
    pub async fn proposal_check(&self, id: &str) -> Result<Checked, StoreError> {
        self.check(id, Tool::is_agents).await
    }

    /// As [`Queue::proposal_check`], for proposals of any tool: for the daemon that submitted one.
    pub async fn proposal_wait(&self, id: &str) -> Result<Checked, StoreError> {
        self.check(id, |_| true).await
    }

    async fn check(&self, id: &str, may_see: fn(Tool) -> bool) -> Result<Checked, StoreError> {
        let Some(id) = parse_id(id) else {
            return Ok(Checked::Unknown);
        };
        let queue = self.clone();
        self.db()
            .read(move |connection| {
                Box::pin(async move {
                    Ok(match see(connection, &queue, id, may_see).await? {
                        Seen::Pending | Seen::Claimed => {
                            queue.holds().tell(id);
                            Checked::Held(Hold::new(&queue, id, Entrance::Joined))
                        }
                        Seen::Decided(answer) => Checked::Decided(Delivery::new(&queue, id, answer)),
                        Seen::Withdrawn => Checked::Withdrawn,
                        Seen::Unknown => Checked::Unknown,
                    })
                })
            })
            .await
    }

    /// Every proposal of an agent's tool whose decision no caller has received, oldest first.
    pub async fn proposal_undelivered(&self) -> Result<Vec<Undelivered>, StoreError> {
        let queue = self.clone();
        self.db()
            .read(move |connection| Box::pin(undelivered(connection, queue)))
            .await
    }

    /// Takes a proposal of an agent's tool back, unless its decision has begun. Ends every hold on it.
    pub async fn proposal_withdraw(&self, id: &str) -> Result<Withdrawal, StoreError> {
        let Some(id) = parse_id(id) else {
            return Ok(Withdrawal::Unknown);
        };
        let (queue, told) = (self.clone(), self.clone());
        let then = move |done: &Withdrawal| {
            if matches!(done, Withdrawal::Withdrawn) {
                told.end_withdrawn(id);
            }
        };
        self.db()
            .write_then(move |connection| Box::pin(withdraw(connection, queue, id)), then)
            .await
    }

    /// Withdraws a proposal that only its opener knows of.
    pub(crate) fn withdraw_unshared(&self, id: Uuid) {
        let (queue, told) = (self.clone(), self.clone());
        let then = move |withdrawn: &bool| {
            if *withdrawn {
                told.end_withdrawn(id);
            }
        };
        self.db().write_later(
            move |connection| Box::pin(withdraw_unshared(connection, queue, id)),
            then,
        );
    }

    fn end_withdrawn(&self, id: Uuid) {
        self.holds().end(id, &End::Withdrawn);
        self.holds().forget(id);
        self.ring();
    }

    /// Archives a delivered proposal; `taken` keeps its decision from others until that is done. Deliveries
    /// that come close together share one job.
    pub(crate) fn archive_later(&self, id: Uuid, taken: Taken) {
        if !self.holds().delivered(id, taken) {
            return;
        }
        let (archiving, holds) = (Archiving::new(self.holds()), Arc::clone(self.holds()));
        self.db().write_later(
            move |connection| {
                Box::pin(async move {
                    let ids = archiving.begin();
                    archive(connection, &ids).await?;
                    Ok(ids)
                })
            },
            move |ids: &Vec<Uuid>| holds.archived(ids),
        );
    }
}

async fn open_or_join(
    connection: &mut Connection,
    queue: Queue,
    proposal: Proposal,
    limits: Limits,
) -> Result<Asked, StoreError> {
    match identical(connection, &queue, &proposal).await? {
        Some((id, Some(answer))) => return Ok(Asked::Decided(Delivery::new(&queue, id, Arc::new(answer)))),
        Some((id, None)) => {
            count_join(connection, id).await?;
            return Ok(Asked::Held(Hold::new(&queue, id, Entrance::Joined)));
        }
        None => {}
    }
    if let Some(limit) = reached(connection, &queue, &proposal, limits).await? {
        return Ok(Asked::Refused(limit));
    }
    insert(connection, &proposal).await?;
    match parse_id(&proposal.id) {
        Some(id) => Ok(Asked::Held(Hold::new(&queue, id, Entrance::Opened))),
        None => Err(StoreError::Altered("the proposal's id")),
    }
}

/// The oldest unarchived proposal with the same payload, with its decision if it has one that no other
/// call is being given.
async fn identical(
    connection: &mut Connection,
    queue: &Queue,
    proposal: &Proposal,
) -> Result<Option<(Uuid, Option<Answer>)>, StoreError> {
    let query = concat!(
        "SELECT ",
        answer_columns!(),
        ", p.id FROM supervise_proposals p",
        " LEFT JOIN supervise_responses r ON r.proposal_id = p.id",
        " LEFT JOIN supervise_outcomes o ON o.proposal_id = p.id",
        " WHERE p.archived = 0 AND p.current_file_hash = ?1 AND p.proposed_file = ?2 AND p.bottle_slug = ?3",
        " AND p.tool IN (?4, ?5) ORDER BY p.arrival_timestamp, p.id LIMIT 100"
    );
    let names = proposal.tool.joins_with();
    let (Some(first), Some(last)) = (names.first(), names.last()) else {
        return Ok(None);
    };
    let rows = sqlx::query(query)
        .bind(&proposal.current_file_hash)
        .bind(&proposal.proposed_file)
        .bind(&proposal.bottle_slug)
        .bind(first.name())
        .bind(last.name())
        .fetch_all(&mut connection.sql)
        .await?;
    let usable = |row: &SqliteRow| {
        let id = parse_id(&row.try_get::<String, _>(ANSWER_COLUMNS).ok()?)?;
        match row::answered(row, 0) {
            Answered::No => Some((id, None)),
            Answered::Yes(answer) if !queue.holds().is_taken(id) => Some((id, Some(answer))),
            Answered::Yes(_) | Answered::Unreadably => None,
        }
    };
    let found: Vec<(Uuid, Option<Answer>)> = rows.iter().filter_map(usable).collect();
    let decided = found.iter().position(|(_, answer)| answer.is_some());
    Ok(found.into_iter().nth(decided.unwrap_or(0)))
}

async fn count_join(connection: &mut Connection, id: Uuid) -> Result<(), StoreError> {
    let query = "INSERT INTO supervise_joins (proposal_id, joined) VALUES (?, 1)
        ON CONFLICT (proposal_id) DO UPDATE SET joined = joined + 1";
    sqlx::query(query)
        .bind(id.to_string())
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn joined(connection: &mut Connection, id: Uuid) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT 1 FROM supervise_joins WHERE proposal_id = ?)";
    Ok(sqlx::query_scalar(query)
        .bind(id.to_string())
        .fetch_one(&mut connection.sql)
        .await?)
}

async fn reached(
    connection: &mut Connection,
    queue: &Queue,
    proposal: &Proposal,
    limits: Limits,
) -> Result<Option<Limit>, StoreError> {
    if limits.max_pending > 0 && count_pending(connection).await? >= limits.max_pending {
        return Ok(Some(Limit::Pending(limits.max_pending)));
    }
    if limits.max_queue_bytes > 0 {
        let bytes = used_bytes(connection).await? + proposal.proposed_file.len() as u64;
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

/// Refuses a text that would be written but never read back.
pub(crate) fn check_length(what: &'static str, text: &str) -> Result<(), StoreError> {
    if text.len() > MAX_TEXT_BYTES {
        Err(StoreError::TooLarge(what))
    } else {
        Ok(())
    }
}

/// Writes a proposal and reads it back: what is acknowledged is what is stored.
pub(crate) async fn insert(connection: &mut Connection, proposal: &Proposal) -> Result<(), StoreError> {
    check_length("the proposed file", &proposal.proposed_file)?;
    check_length("the justification", &proposal.justification)?;
    let query = "INSERT INTO supervise_proposals (id, bottle_slug, tool, proposed_file, justification,
        arrival_timestamp, current_file_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        RETURNING id = ?1 AND bottle_slug = ?2 AND tool = ?3 AND proposed_file = ?4 AND justification = ?5
        AND arrival_timestamp = ?6 AND current_file_hash = ?7 AND archived = 0";
    let same: bool = sqlx::query_scalar(query)
        .bind(&proposal.id)
        .bind(&proposal.bottle_slug)
        .bind(proposal.tool.name())
        .bind(&proposal.proposed_file)
        .bind(&proposal.justification)
        .bind(&proposal.arrival_timestamp)
        .bind(&proposal.current_file_hash)
        .fetch_one(&mut connection.sql)
        .await?;
    if same {
        Ok(())
    } else {
        Err(StoreError::Altered("the proposal"))
    }
}

async fn see(
    connection: &mut Connection,
    queue: &Queue,
    id: Uuid,
    may_see: fn(Tool) -> bool,
) -> Result<Seen, StoreError> {
    let query = concat!(
        "SELECT ",
        answer_columns!(),
        ", p.archived, EXISTS (SELECT 1 FROM supervise_claims c WHERE c.proposal_id = p.id), ",
        proposal_columns!(),
        " FROM supervise_proposals p LEFT JOIN supervise_responses r ON r.proposal_id = p.id",
        " LEFT JOIN supervise_outcomes o ON o.proposal_id = p.id WHERE p.id = ?"
    );
    let row = sqlx::query(query)
        .bind(id.to_string())
        .fetch_optional(&mut connection.sql)
        .await?;
    let Some(row) = row else { return Ok(Seen::Unknown) };
    match row::proposal(&row, ANSWER_COLUMNS + 2, queue.slug()) {
        Ok(proposal) if may_see(proposal.tool) => {}
        _ => return Ok(Seen::Unknown),
    }
    let archived = row.try_get::<i64, _>(ANSWER_COLUMNS)? != 0;
    let claimed = row.try_get::<bool, _>(ANSWER_COLUMNS + 1)?;
    Ok(match row::answered(&row, 0) {
        Answered::Yes(answer) => Seen::Decided(Arc::new(answer)),
        Answered::No if archived => Seen::Withdrawn,
        Answered::No if claimed => Seen::Claimed,
        Answered::No => Seen::Pending,
        // Nobody can decide it any more, and nobody was told anything: it stays as if undecided.
        Answered::Unreadably => Seen::Claimed,
    })
}

async fn withdraw(connection: &mut Connection, queue: Queue, id: Uuid) -> Result<Withdrawal, StoreError> {
    Ok(match see(connection, &queue, id, Tool::is_agents).await? {
        Seen::Pending => {
            archive_withdrawn(connection, id).await?;
            Withdrawal::Withdrawn
        }
        Seen::Claimed => Withdrawal::BeingDecided,
        Seen::Decided(answer) => Withdrawal::Decided(Delivery::new(&queue, id, answer)),
        Seen::Withdrawn => Withdrawal::Withdrawn,
        Seen::Unknown => Withdrawal::Unknown,
    })
}

async fn withdraw_unshared(connection: &mut Connection, queue: Queue, id: Uuid) -> Result<bool, StoreError> {
    let shared = queue.holds().is_told(id) || joined(connection, id).await?;
    if shared || !matches!(see(connection, &queue, id, Tool::is_agents).await?, Seen::Pending) {
        return Ok(false);
    }
    archive_withdrawn(connection, id).await?;
    Ok(true)
}

async fn undelivered(connection: &mut Connection, queue: Queue) -> Result<Vec<Undelivered>, StoreError> {
    let query = concat!(
        "SELECT ",
        word!("p.id"),
        ", ",
        word!("p.tool"),
        ", ",
        word!("r.status"),
        " FROM supervise_proposals p LEFT JOIN supervise_responses r ON r.proposal_id = p.id",
        " WHERE p.archived = 0 AND p.bottle_slug = ? ORDER BY p.arrival_timestamp, p.id LIMIT 1000"
    );
    let rows = sqlx::query(query)
        .bind(queue.slug().as_str())
        .fetch_all(&mut connection.sql)
        .await?;
    let read = |row: &SqliteRow| {
        let id = parse_id(&row.try_get::<String, _>(0).ok()?)?;
        let tool = Tool::from_name(&row.try_get::<String, _>(1).ok()?)
            .ok()
            .filter(|tool| tool.is_agents())?;
        let status = row.try_get::<Option<String>, _>(2).ok().flatten();
        queue.holds().tell(id);
        Some(Undelivered {
            id: id.to_string(),
            tool,
            status: status.and_then(|status| Status::from_name(&status).ok()),
        })
    };
    Ok(rows.iter().filter_map(read).collect())
}

async fn archive(connection: &mut Connection, ids: &[Uuid]) -> Result<(), StoreError> {
    let list = row::id_list(ids);
    for statement in [
        "UPDATE supervise_proposals SET archived = 1
            WHERE archived = 0 AND id IN (SELECT value FROM json_each(?))",
        "UPDATE supervise_responses SET archived = 1
            WHERE archived = 0 AND proposal_id IN (SELECT value FROM json_each(?))",
    ] {
        sqlx::query(statement)
            .bind(&list)
            .execute(&mut connection.sql)
            .await?;
    }
    Ok(())
}

async fn archive_withdrawn(connection: &mut Connection, id: Uuid) -> Result<(), StoreError> {
    archive(connection, &[id]).await?;
    let query = "INSERT OR IGNORE INTO supervise_withdrawals (proposal_id, withdrawn_at) VALUES (?, ?)";
    sqlx::query(query)
        .bind(id.to_string())
        .bind(now_timestamp())
        .execute(&mut connection.sql)
        .await?;
    retention::delete_old(connection).await
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
