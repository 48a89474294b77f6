//! The agent's side: asking and checking.

use std::sync::Arc;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::{Ask, Proposal, Status, Tool};
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::hold::{Answer, Delivery, Entrance, Hold};
use crate::limits::{Limit, Limits, reached};
use crate::line::Note;
use crate::queue::Queue;
use crate::refusals::{self, Refusal};
use crate::row::{self, ANSWER_COLUMNS, Answered, MAX_TEXT_BYTES, parse_id};

/// What became of an ask.
#[derive(Debug)]
pub enum Asked {
    /// Stored or joined; wait for the decision.
    Held(Hold),
    /// An identical ask was decided after its caller had gone; this is that decision.
    Decided(Delivery),
    /// An identical ask was rejected, and that still sticks; nothing was stored.
    RefusedBefore(Refusal),
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

/// The state of one proposal as its bottle's agent may see it.
pub(crate) enum Seen {
    Pending,
    Claimed,
    Decided(Arc<Answer>),
    Withdrawn,
    Unknown,
}

impl Queue {
    /// Queues what an agent asks for, or joins the pending proposal with the same payload, or hands out the
    /// decision on one whose caller has gone, or the rejection that still sticks. Returns after the commit.
    pub async fn proposal_ask(&self, ask: Ask, limits: Limits) -> Result<Asked, StoreError> {
        let proposal = Proposal::new(self.slug(), ask.tool, ask.proposed_file, ask.justification);
        let queue = self.clone();
        self.db()
            .write_once(move |connection| Box::pin(open_or_join(connection, queue, proposal, limits)))
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
    if let Some(refusal) = refusals::standing(connection, &proposal).await? {
        return Ok(Asked::RefusedBefore(refusal));
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
        ON CONFLICT (proposal_id) DO UPDATE SET joined = joined + 1 RETURNING joined";
    let count: i64 = sqlx::query_scalar(query)
        .bind(id.to_string())
        .fetch_one(&mut connection.sql)
        .await?;
    let count = count.unsigned_abs();
    connection.tell(|| Note::Joined { id, count });
    Ok(())
}

/// Refuses a text that would be written but never read back.
pub(crate) fn check_length(what: &'static str, text: &str) -> Result<(), StoreError> {
    if text.len() > MAX_TEXT_BYTES {
        Err(StoreError::TooLarge(what))
    } else {
        Ok(())
    }
}

/// Writes a proposal of this side's.
pub(crate) async fn insert(connection: &mut Connection, proposal: &Proposal) -> Result<(), StoreError> {
    store(connection, proposal).await?;
    connection.tell(|| Note::Proposed(proposal.clone()));
    Ok(())
}

/// Writes a proposal and reads it back: what is acknowledged is what is stored.
pub(crate) async fn store(connection: &mut Connection, proposal: &Proposal) -> Result<(), StoreError> {
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

pub(crate) async fn see(
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
