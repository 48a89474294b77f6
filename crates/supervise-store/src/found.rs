//! Finding one proposal by its id, in whatever state it is.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::Slug;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::hold::Answer;
use crate::inbox::Listed;
use crate::queue::Queue;
use crate::row::{self, ANSWER_COLUMNS, Answered};

const MAX_FOUND: i64 = 10;

/// A proposal in whatever state it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The proposal.
    pub listed: Listed,
    /// Its state.
    pub state: State,
}

impl Found {
    /// The proposal's id.
    pub fn id(&self) -> &str {
        &self.listed.proposal.id
    }
}

/// Where a proposal is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Waiting for a decision.
    Pending,
    /// A decision is being carried out, or was interrupted.
    BeingDecided,
    /// Decided.
    Decided(Answer),
    /// Taken back, or archived without an answer.
    Withdrawn,
    /// Answered in a form that can't be read: not approved, and not to be decided again.
    Unreadable,
}

impl Queue {
    /// The proposals of any state whose id begins with `prefix`; at most ten.
    pub async fn proposal_find(&self, prefix: &str) -> Result<Vec<Found>, StoreError> {
        let (slug, prefix) = (self.slug().clone(), prefix.to_owned());
        self.db()
            .read(move |connection| Box::pin(find(connection, slug, prefix)))
            .await
    }
}

pub(crate) async fn find(
    connection: &mut Connection,
    slug: Slug,
    prefix: String,
) -> Result<Vec<Found>, StoreError> {
    if !connection.tables.shared || !prefix.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
        return Ok(Vec::new());
    }
    // 'g' follows every hex digit, so the range holds exactly the ids that begin so.
    let with_ours = concat!(
        "SELECT ",
        answer_columns!(),
        ", p.archived, EXISTS (SELECT 1 FROM supervise_claims c WHERE c.proposal_id = p.id), ",
        proposal_columns!(),
        ", coalesce((SELECT j.joined FROM supervise_joins j WHERE j.proposal_id = p.id), 0), ",
        "EXISTS (SELECT 1 FROM supervise_timeouts t WHERE t.proposal_id = p.id)",
        " FROM supervise_proposals p LEFT JOIN supervise_responses r ON r.proposal_id = p.id",
        " LEFT JOIN supervise_outcomes o ON o.proposal_id = p.id",
        " WHERE p.id >= ?1 AND p.id < ?1 || 'g' AND length(p.id) = 36 AND p.bottle_slug = ?3 ORDER BY p.id LIMIT ?2 + 0"
    );
    let without_ours = concat!(
        "SELECT ",
        answer_columns!(),
        ", p.archived, 0, ",
        proposal_columns!(),
        ", 0, 0 FROM supervise_proposals p LEFT JOIN supervise_responses r ON r.proposal_id = p.id",
        " LEFT JOIN (SELECT NULL AS applied) o",
        " WHERE p.id >= ?1 AND p.id < ?1 || 'g' AND length(p.id) = 36 AND p.bottle_slug = ?3 ORDER BY p.id LIMIT ?2 + 0"
    );
    let query = if connection.tables.own {
        with_ours
    } else {
        without_ours
    };
    let rows = sqlx::query(query)
        .bind(prefix)
        .bind(MAX_FOUND)
        .bind(slug.as_str())
        .fetch_all(&mut connection.sql)
        .await?;
    Ok(rows.iter().filter_map(|row| found(row, &slug)).collect())
}

fn found(row: &SqliteRow, slug: &Slug) -> Option<Found> {
    let proposal = row::proposal(row, ANSWER_COLUMNS + 2, slug).ok()?;
    let joined = row
        .try_get::<i64, _>(ANSWER_COLUMNS + 9)
        .unwrap_or(0)
        .unsigned_abs();
    let archived = row.try_get::<i64, _>(ANSWER_COLUMNS).ok()? != 0;
    let state = match row::answered(row, 0) {
        Answered::Yes(answer) => State::Decided(answer),
        Answered::Unreadably => State::Unreadable,
        Answered::No if archived => State::Withdrawn,
        Answered::No if row.try_get::<bool, _>(ANSWER_COLUMNS + 1).ok()? => State::BeingDecided,
        Answered::No => State::Pending,
    };
    Some(Found {
        listed: Listed {
            proposal,
            joined,
            timed_out: row.try_get(ANSWER_COLUMNS + 10).unwrap_or(false),
        },
        state,
    })
}
