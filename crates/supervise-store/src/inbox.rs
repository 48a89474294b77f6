//! The operator's side of a queue: what is pending, and finding one proposal by its id.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::{Proposal, Slug};

use crate::asks;
use crate::connection::Connection;
use crate::error::StoreError;
use crate::hold::Answer;
use crate::queue::Queue;
use crate::row::{self, answer_columns, proposal_columns, text};

const MAX_LISTED: usize = 1000;
/// A page is held in memory whole; rows past this many bytes are only counted.
const MAX_PAGE_BYTES: usize = 64 << 20;
const MAX_FOUND: i64 = 10;

/// The pending proposals of a bottle, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// At most 1,000.
    pub proposals: Vec<Listed>,
    /// How many there are in all.
    pub total: u64,
    /// Rows that are never listed.
    pub hidden: Vec<Hidden>,
    /// Whether a decision is under way, or was interrupted.
    pub claimed: bool,
}

/// A proposal as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The proposal.
    pub proposal: Proposal,
    /// How many later calls asked for the same.
    pub joined: u64,
}

/// A row that is never listed or decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Its row number.
    pub row: i64,
    /// What is odd about it. Holds raw text of the row.
    pub reason: String,
}

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
}

impl Queue {
    /// Stores a proposal of a program on the host: nothing is joined and no limit applies.
    pub async fn proposal_submit(&self, proposal: Proposal) -> Result<(), StoreError> {
        let id = proposal.id.clone();
        let stored = self
            .db()
            .write(move |connection| Box::pin(async move { asks::insert(connection, &proposal).await }))
            .await;
        match stored {
            Err(StoreError::Denied(_)) => Err(StoreError::Exists { id }),
            other => other,
        }
    }

    /// The pending proposals, oldest first.
    pub async fn proposal_page(&self) -> Result<Page, StoreError> {
        let slug = self.slug().clone();
        self.db()
            .read(move |connection| Box::pin(page(connection, slug)))
            .await
    }

    /// The proposals of any state whose id begins with `prefix`; at most ten.
    pub async fn proposal_find(&self, prefix: &str) -> Result<Vec<Found>, StoreError> {
        let (slug, prefix) = (self.slug().clone(), prefix.to_owned());
        self.db()
            .read(move |connection| Box::pin(find(connection, slug, prefix)))
            .await
    }
}

async fn page(connection: &mut Connection, slug: Slug) -> Result<Page, StoreError> {
    let mut page = Page::default();
    if !connection.tables.shared {
        return Ok(page);
    }
    let joins = joins(connection).await?;
    page.claimed = claimed(connection).await?;
    let query = concat!(
        "SELECT p.rowid, ",
        proposal_columns!(),
        " FROM supervise_proposals p WHERE p.archived = 0",
        " AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id AND r.archived = 0)",
        " ORDER BY p.arrival_timestamp, p.id LIMIT ?"
    );
    let rows = sqlx::query(query)
        .bind(MAX_LISTED as i64 + 1)
        .fetch_all(&mut connection.sql)
        .await?;
    let mut bytes = 0;
    for row in rows.iter().take(MAX_LISTED) {
        match row::proposal(row, 1, &slug) {
            Ok(proposal) => {
                bytes += proposal.proposed_file.len() + proposal.justification.len();
                page.total += 1;
                if bytes <= MAX_PAGE_BYTES {
                    let joined = joins.get(&proposal.id).copied().unwrap_or(0);
                    page.proposals.push(Listed { proposal, joined });
                }
            }
            Err(reason) => page.hidden.push(Hidden {
                row: row.try_get(0)?,
                reason,
            }),
        }
    }
    if rows.len() > MAX_LISTED {
        page.total = count_pending(connection, &slug).await?.max(page.total);
    }
    Ok(page)
}

async fn joins(connection: &mut Connection) -> Result<HashMap<String, u64>, StoreError> {
    if !connection.tables.own {
        return Ok(HashMap::new());
    }
    let query = "SELECT j.proposal_id, j.joined FROM supervise_proposals p
        JOIN supervise_joins j ON j.proposal_id = p.id WHERE p.archived = 0 LIMIT 100000";
    let read = |row: SqliteRow| {
        Ok((
            row.try_get::<String, _>(0)?,
            row.try_get::<i64, _>(1)?.unsigned_abs(),
        ))
    };
    Ok(sqlx::query(query)
        .try_map(read)
        .fetch_all(&mut connection.sql)
        .await?
        .into_iter()
        .collect())
}

async fn claimed(connection: &mut Connection) -> Result<bool, StoreError> {
    if !connection.tables.own {
        return Ok(false);
    }
    let query = "SELECT EXISTS (SELECT 1 FROM supervise_claims)";
    Ok(sqlx::query_scalar(query).fetch_one(&mut connection.sql).await?)
}

async fn count_pending(connection: &mut Connection, slug: &Slug) -> Result<u64, StoreError> {
    let query = "SELECT count(*) FROM supervise_proposals p WHERE p.archived = 0 AND p.bottle_slug = ?
        AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id AND r.archived = 0)";
    let count: i64 = sqlx::query_scalar(query)
        .bind(slug.as_str())
        .fetch_one(&mut connection.sql)
        .await?;
    Ok(count.unsigned_abs())
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
        ", coalesce((SELECT j.joined FROM supervise_joins j WHERE j.proposal_id = p.id), 0)",
        " FROM supervise_proposals p LEFT JOIN supervise_responses r ON r.proposal_id = p.id",
        " LEFT JOIN supervise_outcomes o ON o.proposal_id = p.id",
        " WHERE p.id >= ?1 AND p.id < ?1 || 'g' ORDER BY p.id LIMIT ?2"
    );
    let without_ours = concat!(
        "SELECT ",
        answer_columns!(),
        ", p.archived, 0, ",
        proposal_columns!(),
        ", 0 FROM supervise_proposals p LEFT JOIN supervise_responses r ON r.proposal_id = p.id",
        " LEFT JOIN (SELECT NULL AS applied) o",
        " WHERE p.id >= ?1 AND p.id < ?1 || 'g' ORDER BY p.id LIMIT ?2"
    );
    let query = if connection.tables.own {
        with_ours
    } else {
        without_ours
    };
    let rows = sqlx::query(query)
        .bind(prefix)
        .bind(MAX_FOUND)
        .fetch_all(&mut connection.sql)
        .await?;
    Ok(rows.iter().filter_map(|row| found(row, &slug)).collect())
}

fn found(row: &SqliteRow, slug: &Slug) -> Option<Found> {
    let proposal = row::proposal(row, 8, slug).ok()?;
    let joined = row.try_get::<i64, _>(15).ok()?.unsigned_abs();
    let archived = row.try_get::<i64, _>(6).ok()? != 0;
    let state = match row::answer(row, 0) {
        Some(answer) => State::Decided(answer),
        None if archived => State::Withdrawn,
        None if row.try_get::<bool, _>(7).ok()? => State::BeingDecided,
        None => State::Pending,
    };
    Some(Found {
        listed: Listed { proposal, joined },
        state,
    })
}
