//! The operator's side of a queue: what is pending.

use std::path::Path;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::{Proposal, QUEUE_DB_FILENAME, Slug};

use crate::asks;
use crate::connection::{Access, Connection};
use crate::error::StoreError;
use crate::guard;
use crate::queue::Queue;
use crate::row;
use crate::schema::QUEUE;

const MAX_LISTED: i64 = 1000;
/// A page is held in memory whole; rows past this many bytes are only counted.
const MAX_PAGE_BYTES: i64 = 64 << 20;
const MAX_HIDDEN: i64 = 100;

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
    /// Whether a time came when every caller had been told that nobody decided in time.
    pub timed_out: bool,
}

/// A row that is never listed or decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Its row number.
    pub row: i64,
    /// What is odd about it. Holds raw text of the row.
    pub reason: String,
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

    /// The pending proposals of a bottle whose queue is opened for this one look, read-only. It is what
    /// [`Queue::open_read_only`] and [`Queue::proposal_page`] give, at half the cost: an inbox over many bottles
    /// asks it of each.
    pub async fn page_of(dir: &Path, slug: &Slug) -> Result<Page, StoreError> {
        let path = dir.join(QUEUE_DB_FILENAME);
        let fd = guard::open_dir(dir)?;
        if !guard::check_database(&fd, &path)? {
            return Err(StoreError::Missing { path });
        }
        let connection = Connection::open_reading(&fd, &path, &QUEUE, Access::Glance).await?;
        Queue::page_in(connection, slug).await
    }

    /// The pending proposals of a connection that is opened for this one look.
    pub(crate) async fn page_in(mut connection: Connection, slug: &Slug) -> Result<Page, StoreError> {
        if !connection.tables.shared {
            return Err(StoreError::refused(
                connection.path(),
                "it has no supervise tables",
            ));
        }
        connection.start_statement();
        page(&mut connection, slug.clone()).await
    }

    /// The pending proposals, oldest first.
    pub async fn proposal_page(&self) -> Result<Page, StoreError> {
        let slug = self.slug().clone();
        self.db()
            .read(move |connection| Box::pin(page(connection, slug)))
            .await
    }
}

/// What is pending, and belongs to bottle `?1` by the look of it.
macro_rules! listable {
    () => {
        "p.archived = 0 AND typeof(p.id) = 'text' AND length(p.id) = 36 AND p.bottle_slug = ?1 \
         AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id AND r.archived = 0)"
    };
}

macro_rules! odd {
    () => {
        "p.archived = 0 AND NOT (typeof(p.id) = 'text' AND length(p.id) = 36 AND p.bottle_slug = ?1) \
         AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id AND r.archived = 0)"
    };
}

macro_rules! bytes {
    () => {
        "coalesce(octet_length(p.proposed_file) + octet_length(p.justification), 0)"
    };
}

async fn page(connection: &mut Connection, slug: Slug) -> Result<Page, StoreError> {
    if !connection.tables.shared {
        return Ok(Page::default());
    }
    let overview = overview(connection, &slug).await?;
    let hidden = if overview.odd > 0 {
        hidden(connection, &slug).await?
    } else {
        Vec::new()
    };
    let mut page = Page {
        proposals: Vec::new(),
        total: overview.listable.unsigned_abs(),
        hidden,
        claimed: overview.claimed,
    };
    for row in rows(connection, &slug, &overview).await? {
        match row::proposal(&row, 3, &slug) {
            Ok(proposal) => {
                let joined = row.try_get::<i64, _>(1)?.unsigned_abs();
                page.proposals.push(Listed {
                    proposal,
                    joined,
                    timed_out: row.try_get(2)?,
                });
            }
            Err(reason) => {
                page.total = page.total.saturating_sub(1);
                page.hidden.push(Hidden {
                    row: row.try_get(0)?,
                    reason,
                });
            }
        }
    }
    Ok(page)
}

/// Everything about a bottle that fits into one row: `list` asks it of each.
struct Overview {
    listable: i64,
    bytes: i64,
    odd: i64,
    claimed: bool,
}

async fn overview(connection: &mut Connection, slug: &Slug) -> Result<Overview, StoreError> {
    macro_rules! select {
        ($claimed:literal) => {
            concat!(
                "SELECT (SELECT count(*) FROM supervise_proposals p WHERE ",
                listable!(),
                "), ",
                "(SELECT coalesce(sum(",
                bytes!(),
                "), 0) FROM supervise_proposals p WHERE ",
                listable!(),
                "), ",
                "(SELECT count(*) FROM supervise_proposals p WHERE ",
                odd!(),
                "), ",
                $claimed
            )
        };
    }
    let query = if connection.tables.own {
        select!("EXISTS (SELECT 1 FROM supervise_claims)")
    } else {
        select!("0")
    };
    let read = |row: SqliteRow| {
        Ok(Overview {
            listable: row.try_get(0)?,
            bytes: row.try_get(1)?,
            odd: row.try_get(2)?,
            claimed: row.try_get(3)?,
        })
    };
    Ok(sqlx::query(query)
        .bind(slug.as_str())
        .try_map(read)
        .fetch_one(&mut connection.sql)
        .await?)
}

async fn rows(
    connection: &mut Connection,
    slug: &Slug,
    overview: &Overview,
) -> Result<Vec<SqliteRow>, StoreError> {
    macro_rules! select {
        ($joined_and_timed_out:literal) => {
            concat!(
                "SELECT p.rowid, ",
                $joined_and_timed_out,
                ", ",
                proposal_columns!(),
                " FROM supervise_proposals p WHERE ",
                listable!(),
                " ORDER BY p.arrival_timestamp, p.id LIMIT ?2 + 0"
            )
        };
    }
    if overview.listable == 0 {
        return Ok(Vec::new());
    }
    let fits = overview.listable <= MAX_LISTED && overview.bytes <= MAX_PAGE_BYTES;
    let limit = if fits {
        MAX_LISTED
    } else {
        fitting(connection, slug).await?
    };
    let query = if connection.tables.own {
        select!(
            "coalesce((SELECT iif(typeof(j.joined) = 'integer', j.joined, 0) FROM supervise_joins j
                WHERE j.proposal_id = p.id), 0),
            EXISTS (SELECT 1 FROM supervise_timeouts t WHERE t.proposal_id = p.id)"
        )
    } else {
        select!("0, 0")
    };
    Ok(sqlx::query(query)
        .bind(slug.as_str())
        .bind(limit)
        .fetch_all(&mut connection.sql)
        .await?)
}

/// How many of the oldest proposals fit into a page, by number and by bytes.
async fn fitting(connection: &mut Connection, slug: &Slug) -> Result<i64, StoreError> {
    let query = concat!(
        "SELECT ",
        bytes!(),
        " FROM supervise_proposals p WHERE ",
        listable!(),
        " ORDER BY p.arrival_timestamp, p.id LIMIT ?2 + 0"
    );
    let lengths: Vec<i64> = sqlx::query_scalar(query)
        .bind(slug.as_str())
        .bind(MAX_LISTED)
        .fetch_all(&mut connection.sql)
        .await?;
    let mut bytes = 0;
    let fits = |length: &&i64| {
        bytes += **length;
        bytes <= MAX_PAGE_BYTES
    };
    // One at least, so that a large one can't hide all.
    Ok((lengths.iter().take_while(fits).count() as i64).max(1))
}

/// Rows that are pending but belong to no bottle of this name.
async fn hidden(connection: &mut Connection, slug: &Slug) -> Result<Vec<Hidden>, StoreError> {
    let query = concat!(
        "SELECT p.rowid, ",
        proposal_columns!(),
        " FROM supervise_proposals p WHERE ",
        odd!(),
        " LIMIT ?2 + 0"
    );
    let rows = sqlx::query(query)
        .bind(slug.as_str())
        .bind(MAX_HIDDEN)
        .fetch_all(&mut connection.sql)
        .await?;
    let odd = |row: &SqliteRow| {
        let reason = row::proposal(row, 1, slug).err()?;
        Some(Hidden {
            row: row.try_get(0).ok()?,
            reason,
        })
    };
    Ok(rows.iter().filter_map(odd).collect())
}
