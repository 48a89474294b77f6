//! Refusals that stick: until when an identical ask is answered with an earlier rejection.
//!
//! They lie in the bottle's queue, whose other side may write anything: a row counts only if every value in it
//! can be what we write. One that is made up refuses its own bottle something, and no other program reads it.

mod span;

use std::collections::HashSet;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::{FieldHasher, Proposal, Response, Status, Tool, format_timestamp};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::line::Note;
use crate::lock::BottleLock;
use crate::queue::Queue;
use crate::row::{MAX_TEXT_BYTES, parse_id};

pub use span::Sticky;
use span::{STEP_BACK, Span};

/// A rejection that still counts for whoever asks the same again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The proposal that was rejected.
    pub id: String,
    /// The operator's words.
    pub notes: String,
    /// Until when, as [`format_timestamp`] spells it.
    pub until: String,
}

/// What identical asks have in common; `None` for tools whose asks never join.
fn payload(tool: Tool, proposed_file: &str) -> Option<String> {
    let first = tool.joins_with().first()?;
    let hash = FieldHasher::new(b"supervise-refusal-v1\0")
        .field(first.name())
        .field(proposed_file);
    Some(hash.finish().to_string())
}

impl Queue {
    /// Lifts the refusal of what `proposal` asks for, whichever proposal it was that got it. `None`: nothing was
    /// refused, or no longer. The lock keeps decisions apart from it.
    pub async fn refusal_lift(
        &self,
        lock: &BottleLock,
        proposal: &Proposal,
    ) -> Result<Option<Refusal>, StoreError> {
        let payload = payload(proposal.tool, &proposal.proposed_file);
        let Some(payload) = payload.filter(|_| lock.slug() == self.slug()) else {
            return Ok(None);
        };
        self.db()
            .write(move |connection| {
                Box::pin(async move {
                    let refusal = find(connection, &payload).await?;
                    lift(connection, &payload).await?;
                    Ok(refusal)
                })
            })
            .await
    }
}

/// The refusal that answers an ask, if one holds.
pub(crate) async fn standing(
    connection: &mut Connection,
    ask: &Proposal,
) -> Result<Option<Refusal>, StoreError> {
    match payload(ask.tool, &ask.proposed_file) {
        Some(payload) => find(connection, &payload).await,
        None => Ok(None),
    }
}

/// The latest decision about a payload is the one that counts: a rejection sticks or doesn't, and what is
/// approved is no longer refused. Says since when and until when it sticks.
pub(crate) async fn record(
    connection: &mut Connection,
    proposal: &Proposal,
    response: &Response,
    sticky: Sticky,
) -> Result<Option<(String, String)>, StoreError> {
    let Some(payload) = payload(proposal.tool, &proposal.proposed_file) else {
        return Ok(None);
    };
    if response.status != Status::Rejected || sticky == Sticky::NONE {
        lift(connection, &payload).await?;
        return Ok(None);
    }
    let span = Span::beginning(OffsetDateTime::now_utc(), sticky);
    let (at, until) = (format_timestamp(span.at), format_timestamp(span.until));
    write(connection, payload, response, (&at, &until)).await?;
    Ok(Some((at, until)))
}

async fn find(connection: &mut Connection, payload: &str) -> Result<Option<Refusal>, StoreError> {
    let query = concat!(
        "SELECT ",
        word!("proposal_id"),
        ", ",
        text!("notes"),
        ", ",
        word!("refused_at"),
        ", ",
        word!("refused_until"),
        " FROM supervise_refusals WHERE payload = ?"
    );
    let row = sqlx::query(query)
        .bind(payload)
        .fetch_optional(&mut connection.sql)
        .await?;
    Ok(row.and_then(|row| refusal(&row, OffsetDateTime::now_utc())))
}

fn refusal(row: &SqliteRow, now: OffsetDateTime) -> Option<Refusal> {
    let text = |at: usize| row.try_get::<Option<String>, _>(at).ok().flatten();
    let span = Span::read(&text(2)?, &text(3)?)?;
    span.holds(now).then_some(())?;
    Some(Refusal {
        id: parse_id(&text(0)?)?.to_string(),
        notes: text(1).filter(|notes| notes.len() <= MAX_TEXT_BYTES)?,
        until: format_timestamp(span.until),
    })
}

/// The proposals whose refusals hold: so many at most as one would look through.
pub(crate) async fn refused_ids(
    connection: &mut Connection,
    now: OffsetDateTime,
) -> Result<HashSet<String>, StoreError> {
    if !connection.tables.added {
        return Ok(HashSet::new());
    }
    let query = concat!(
        "SELECT ",
        word!("proposal_id"),
        " FROM supervise_refusals WHERE refused_until > ? LIMIT 10000"
    );
    let ids: Vec<Option<String>> = sqlx::query_scalar(query)
        .bind(format_timestamp(now))
        .fetch_all(&mut connection.sql)
        .await?;
    Ok(ids.into_iter().flatten().collect())
}

/// Deletes a payload's refusal, and tells the other side whose rejection it is that no longer sticks.
async fn lift(connection: &mut Connection, payload: &str) -> Result<(), StoreError> {
    let query = concat!(
        "DELETE FROM supervise_refusals WHERE payload = ? RETURNING ",
        word!("proposal_id")
    );
    let lifted: Vec<Option<String>> = sqlx::query_scalar(query)
        .bind(payload)
        .fetch_all(&mut connection.sql)
        .await?;
    for id in lifted.iter().flatten().filter_map(|id| parse_id(id)) {
        connection.tell(|| Note::Reopened(id));
    }
    Ok(())
}

/// Deletes the refusal that a proposal's rejection brought.
pub(crate) async fn delete_of(connection: &mut Connection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM supervise_refusals WHERE proposal_id = ?")
        .bind(id.to_string())
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

/// Since when and until when a proposal's rejection sticks, if it does.
pub(crate) async fn span_of(
    connection: &mut Connection,
    id: Uuid,
) -> Result<Option<(String, String)>, StoreError> {
    let query = concat!(
        "SELECT ",
        word!("refused_at"),
        ", ",
        word!("refused_until"),
        " FROM supervise_refusals WHERE proposal_id = ?"
    );
    let span: Option<(Option<String>, Option<String>)> = sqlx::query_as(query)
        .bind(id.to_string())
        .fetch_optional(&mut connection.sql)
        .await?;
    Ok(span.and_then(|(at, until)| at.zip(until)))
}

/// Writes down a refusal that the other side has told of, under the payload of the proposal it is about.
pub(crate) async fn note(
    connection: &mut Connection,
    response: &Response,
    (at, until): (String, String),
) -> Result<(), StoreError> {
    let query = concat!(
        "SELECT ",
        word!("p.tool"),
        ", ",
        text!("p.proposed_file"),
        " FROM supervise_proposals p WHERE p.id = ?"
    );
    let asked: Option<(Option<String>, Option<String>)> = sqlx::query_as(query)
        .bind(&response.proposal_id)
        .fetch_optional(&mut connection.sql)
        .await?;
    let payload = asked.and_then(|(tool, file)| payload(Tool::from_name(&tool?).ok()?, &file?));
    let (Some(payload), Some(_)) = (payload, Span::read(&at, &until)) else {
        return Ok(());
    };
    write(connection, payload, response, (&at, &until)).await
}

async fn write(
    connection: &mut Connection,
    payload: String,
    response: &Response,
    (at, until): (&str, &str),
) -> Result<(), StoreError> {
    let query =
        "INSERT OR REPLACE INTO supervise_refusals (payload, proposal_id, notes, refused_at, refused_until)
        VALUES (?, ?, ?, ?, ?)";
    sqlx::query(query)
        .bind(payload)
        .bind(&response.proposal_id)
        .bind(&response.notes)
        .bind(at)
        .bind(until)
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

/// What no longer holds, and what can't be ours, whatever `?1`, now, and `?2`, the last moment that a refusal
/// made now could reach.
macro_rules! spent {
    () => {
        "NOT (typeof(refused_until) = 'text' AND refused_until >= ?1 AND refused_until <= ?2)"
    };
}

/// Whether there is anything for [`delete_spent`] to do.
pub(crate) async fn any_spent(connection: &mut Connection, now: OffsetDateTime) -> Result<bool, StoreError> {
    let query = concat!(
        "SELECT EXISTS (SELECT 1 FROM supervise_refusals WHERE ",
        spent!(),
        ")"
    );
    let (now, last) = bounds(now);
    Ok(sqlx::query_scalar(query)
        .bind(now)
        .bind(last)
        .fetch_one(&mut connection.sql)
        .await?)
}

/// Deletes what no longer holds. Never in a decision's own transaction: whoever fills the table must not be able
/// to stop it.
pub(crate) async fn delete_spent(
    connection: &mut Connection,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let query = concat!("DELETE FROM supervise_refusals WHERE ", spent!());
    let (now, last) = bounds(now);
    let deleted = sqlx::query(query)
        .bind(now)
        .bind(last)
        .execute(&mut connection.sql)
        .await?;
    Ok(deleted.rows_affected())
}

fn bounds(now: OffsetDateTime) -> (String, String) {
    let last = now.saturating_add(Sticky::MAX.duration() + STEP_BACK);
    (format_timestamp(now), format_timestamp(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_one_under_both_names_of_its_tool() {
        let of = |tool, file| payload(tool, file);
        assert_eq!(of(Tool::EgressAllow, "x"), of(Tool::EgressBlock, "x"));
        assert_ne!(of(Tool::EgressAllow, "x"), of(Tool::EgressAllow, "x\n"));
        assert_ne!(of(Tool::EgressAllow, "x"), of(Tool::CapabilityBlock, "x"));
        assert_eq!(of(Tool::GitleaksAllow, "x"), None);
    }
}
