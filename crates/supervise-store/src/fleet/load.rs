//! Everything that is kept of a bottle as notes, in an order in which they can be followed.

use std::collections::HashMap;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row as _, raw_sql};
use supervise_core::{Proposal, SafeLine, Slug, now_timestamp};
use uuid::Uuid;

use super::link::Work;
use super::row::{PROPOSAL_COLUMNS, fleet_columns, given, given_columns, proposal};
use super::trouble::Failure;
use crate::line::Note;
use crate::row::parse_id;

/// What has come to its end stays in memory up to here; the newest, since it is what is asked for.
const MAX_ENDED: i64 = 1000;
const MAX_ENDED_BYTES: i64 = 32 << 20;

/// The notes of a bottle, and the numbers of the last events in them.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) notes: Vec<Note>,
    pub(super) seen: Seen,
}

/// Up to where the events of each side have been told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) operator: i64,
    pub(super) bottle: i64,
}

impl Seen {
    pub(super) fn pass(&mut self, side: &str, number: i64) {
        match side {
            "operator" => self.operator = number,
            _ => self.bottle = number,
        }
    }
}

/// Runs queries that all see one state of the database.
pub(super) async fn snapshot<T, F>(connection: &mut PgConnection, queries: F) -> Result<T, Failure>
where
    F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
{
    raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *connection)
        .await?;
    let found = queries(&mut *connection).await;
    let ended = raw_sql("ROLLBACK").execute(connection).await;
    let found = found?;
    ended?;
    Ok(found)
}

/// What of a bottle is open, refused for now, or has lately come to its end.
pub(super) async fn kept(connection: &mut PgConnection, slug: Slug) -> Result<Loaded, Failure> {
    snapshot(connection, move |connection| Box::pin(kept_now(connection, slug))).await
}

async fn kept_now(connection: &mut PgConnection, slug: Slug) -> Result<Loaded, Failure> {
    let query = "SELECT a.id FROM (SELECT p.id, p.stored_at,
                m.delivered_at IS NULL AND w.id IS NULL OR r.refused_until > $2
                    OR EXISTS (SELECT 1 FROM supervise.events e WHERE e.bottle_slug = p.bottle_slug
                        AND e.proposal_id = p.id AND e.kind = 'reopened') AS open,
                row_number() OVER newest AS n,
                sum(octet_length(p.proposed_file) + octet_length(p.justification)
                    + coalesce(octet_length(r.final_file), 0) + coalesce(octet_length(r.notes), 0)) OVER newest AS bytes
            FROM supervise.proposals p
            LEFT JOIN supervise.marks m ON m.bottle_slug = p.bottle_slug AND m.id = p.id
            LEFT JOIN supervise.withdrawals w ON w.bottle_slug = p.bottle_slug AND w.id = p.id
            LEFT JOIN supervise.responses r ON r.bottle_slug = p.bottle_slug AND r.proposal_id = p.id
            WHERE p.bottle_slug = $1 WINDOW newest AS (ORDER BY p.stored_at DESC, p.id)) a
        WHERE a.open OR (a.n <= $3 AND a.bytes <= $4)";
    let ids: Vec<String> = sqlx::query_scalar(query)
        .bind(slug.as_str())
        .bind(now_timestamp())
        .bind(MAX_ENDED)
        .bind(MAX_ENDED_BYTES)
        .fetch_all(&mut *connection)
        .await?;
    let notes = of(&mut *connection, &slug, &ids).await?;
    let heads = "SELECT side, number FROM supervise.event_heads WHERE bottle_slug = $1";
    let heads: Vec<(String, i64)> = sqlx::query_as(heads)
        .bind(slug.as_str())
        .fetch_all(connection)
        .await?;
    let mut seen = Seen::default();
    heads.iter().for_each(|(side, number)| seen.pass(side, *number));
    Ok(Loaded { notes, seen })
}

/// The notes of those proposals, in the caller's transaction.
pub(super) async fn of(
    connection: &mut PgConnection,
    slug: &Slug,
    ids: &[String],
) -> Result<Vec<Note>, Failure> {
    let query = concat!(
        "SELECT ",
        fleet_columns!(),
        ", coalesce(m.joined, 0), m.timed_out_at IS NOT NULL, m.delivered_at IS NOT NULL, w.id IS NOT NULL",
        " FROM supervise.proposals p",
        " LEFT JOIN supervise.marks m ON m.bottle_slug = p.bottle_slug AND m.id = p.id",
        " LEFT JOIN supervise.withdrawals w ON w.bottle_slug = p.bottle_slug AND w.id = p.id",
        " WHERE p.bottle_slug = $1 AND p.id = ANY($2) ORDER BY p.arrival_timestamp, p.id"
    );
    let rows = sqlx::query(query)
        .bind(slug.as_str())
        .bind(ids)
        .fetch_all(&mut *connection)
        .await?;
    let (mut notes, mut ends) = (Vec::new(), Vec::new());
    for row in &rows {
        match proposal(row, 0, slug) {
            Ok(proposal) => begin(row, proposal, &mut notes, &mut ends)?,
            Err(oddity) => {
                tracing::warn!(why = %SafeLine::new(&oddity), "a proposal of the fleet is passed over")
            }
        }
    }
    let events = events(connection, slug, ids).await?;
    let read: HashMap<Uuid, ()> = notes.iter().filter_map(opened).map(|id| (id, ())).collect();
    notes.extend(
        events
            .into_iter()
            .filter(|(id, _)| read.contains_key(id))
            .map(|(_, note)| note),
    );
    notes.append(&mut ends);
    Ok(notes)
}

fn opened(note: &Note) -> Option<Uuid> {
    match note {
        Note::Proposed(proposal) => parse_id(&proposal.id),
        _ => None,
    }
}

/// What a bottle has said of a proposal: what comes before an answer, and what comes behind it.
fn begin(
    row: &PgRow,
    proposal: Proposal,
    notes: &mut Vec<Note>,
    ends: &mut Vec<Note>,
) -> Result<(), Failure> {
    let Some(id) = parse_id(&proposal.id) else {
        return Ok(());
    };
    let joined: i64 = row.try_get(PROPOSAL_COLUMNS)?;
    notes.push(Note::Proposed(proposal));
    if joined > 0 {
        let count = joined.unsigned_abs();
        notes.push(Note::Joined { id, count });
    }
    if row.try_get(PROPOSAL_COLUMNS + 1)? {
        notes.push(Note::TimedOut(id));
    }
    if row.try_get(PROPOSAL_COLUMNS + 3)? {
        ends.push(Note::Withdrawn(id));
    }
    if row.try_get(PROPOSAL_COLUMNS + 2)? {
        ends.push(Note::Delivered(id));
    }
    Ok(())
}

/// What the operators have said of those proposals, in the order in which they said it.
async fn events(
    connection: &mut PgConnection,
    slug: &Slug,
    ids: &[String],
) -> Result<Vec<(Uuid, Note)>, Failure> {
    let query = concat!(
        "SELECT e.kind, e.proposal_id, ",
        given_columns!(),
        " FROM supervise.events e LEFT JOIN supervise.responses r",
        " ON e.kind = 'answered' AND r.bottle_slug = e.bottle_slug AND r.proposal_id = e.proposal_id",
        " WHERE e.bottle_slug = $1 AND e.side = 'operator' AND e.proposal_id = ANY($2) ORDER BY e.number"
    );
    let rows = sqlx::query(query)
        .bind(slug.as_str())
        .bind(ids)
        .fetch_all(connection)
        .await?;
    Ok(rows.iter().filter_map(|row| said(row, 0)).collect())
}

/// Reads an event of `kind` and `proposal_id` at `at`, with the response behind them.
pub(super) fn said(row: &PgRow, at: usize) -> Option<(Uuid, Note)> {
    let id = parse_id(row.try_get::<&str, _>(at + 1).ok()?)?;
    let note = match row.try_get::<&str, _>(at).ok()? {
        "answered" => Note::Answered(Box::new(given(row, at + 2)?)),
        "reopened" => Note::Reopened(id),
        "withdrawn" => Note::Withdrawn(id),
        _ => return None,
    };
    Some((id, note))
}
