//! The audit log of a fleet: one chain per bottle, appended to under the lock of its last line.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use supervise_core::{AuditEntry, Slug};

use super::link::{TRIES, transaction};
use super::operator::OperatorLine;
use super::trouble::Failure;
use crate::audit::{AuditFilter, AuditOrder, AuditOrigin, AuditRow};
use crate::chain::{ChainLine, Link, RawEntry, link_hash, raw_entry};
use crate::error::StoreError;

/// An entry that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) entry: AuditEntry,
    pub(crate) origin: AuditOrigin,
}

/// The columns of an entry `e`: what [`raw`] reads, then its origin, then its line.
macro_rules! entry_columns {
    () => {
        "e.id, e.timestamp, e.bottle_slug, e.component, e.operator_action, e.operator_notes, e.justification, \
         e.diff, e.proposal_id, e.tool, e.operator, e.via, e.digest, e.prev, e.hash"
    };
}
pub(super) use entry_columns;

impl OperatorLine {
    /// Appends an entry that answers nothing, such as an operator's edit or an effect that failed. Returns its
    /// number in the bottle's log.
    pub(crate) async fn audit_append(&mut self, slug: &Slug, record: &Record) -> Result<i64, StoreError> {
        let mut lost = None;
        for _ in 0..TRIES {
            if lost.is_some()
                && let Some(id) = self.last_if(slug, record).await?
            {
                return Ok(id);
            }
            let (slug, record) = (slug.clone(), record.clone());
            let appended = self.link.once(move |connection| {
                Box::pin(transaction(connection, move |connection| {
                    Box::pin(async move { append(connection, &slug, &record).await })
                }))
            });
            match appended.await {
                Ok(id) => return Ok(id),
                Err(failure) if failure.is_lost() || failure.is_passing() => {
                    lost = Some(failure.store_error())
                }
                Err(failure) => return Err(failure.store_error()),
            }
        }
        Err(lost.unwrap_or(StoreError::Busy))
    }

    /// The entries of every bottle, or of the filter's, by bottle and number.
    pub(crate) async fn audit_page(&mut self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        let rows = self
            .link
            .run(|connection| Box::pin(page(connection, filter.clone())))
            .await?;
        rows.iter().map(audit_row).collect()
    }

    /// Whether the entry was written before the connection was lost.
    async fn last_if(&mut self, slug: &Slug, record: &Record) -> Result<Option<i64>, StoreError> {
        let query = concat!(
            "SELECT ",
            entry_columns!(),
            " FROM supervise.audit_entries e WHERE e.bottle_slug = $1 ORDER BY e.id DESC LIMIT 20"
        );
        let rows = self
            .link
            .run(|connection| {
                let query = sqlx::query(query).bind(slug.to_string());
                Box::pin(async move { Ok(query.fetch_all(connection).await?) })
            })
            .await?;
        let rows: Vec<AuditRow> = rows.iter().map(audit_row).collect::<Result<_, _>>()?;
        let same = |row: &&AuditRow| row.entry == record.entry && row.origin == record.origin;
        Ok(rows.iter().find(same).map(|row| row.id))
    }
}

/// Appends in the caller's transaction, which holds the chain's last line from here on.
pub(super) async fn append(
    connection: &mut PgConnection,
    slug: &Slug,
    record: &Record,
) -> Result<i64, Failure> {
    let (last, prev): (i64, String) =
        sqlx::query_as("SELECT last_id, last_hash FROM supervise.audit_head($1)")
            .bind(slug.as_str())
            .fetch_one(&mut *connection)
            .await?;
    let Record { entry, origin } = record;
    if entry.bottle_slug != slug.as_str() {
        return Err(Failure::Refused(StoreError::Altered("the audit entry")));
    }
    let id = last + 1;
    let hash = link_hash(&prev, id, &raw_entry(entry), origin, Link::Ours);
    let query =
        "SELECT supervise.audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    sqlx::query(query)
        .bind(slug.as_str())
        .bind(id)
        .bind(&entry.timestamp)
        .bind(&entry.component)
        .bind(&entry.operator_action)
        .bind(entry.operator_notes.as_bytes())
        .bind(entry.justification.as_bytes())
        .bind(entry.diff.as_bytes())
        .bind(&origin.proposal_id)
        .bind(&origin.tool)
        .bind(&origin.operator)
        .bind(&origin.via)
        .bind(&origin.digest)
        .bind(prev)
        .bind(hash)
        .execute(connection)
        .await?;
    Ok(id)
}

async fn page(connection: &mut PgConnection, filter: AuditFilter) -> Result<Vec<PgRow>, Failure> {
    macro_rules! select {
        ($order:literal) => {
            concat!(
                "SELECT ",
                entry_columns!(),
                " FROM supervise.audit_entries e WHERE ($1::text IS NULL OR e.bottle_slug = $1)",
                " AND ($2::text IS NULL OR e.component = $2) AND ($3::text IS NULL OR e.operator_action = $3)",
                // As configured and the account's: `ada (root)`.
                " AND ($4::text IS NULL OR e.operator = $4 OR position($4 || ' (' IN e.operator) = 1",
                " OR right(e.operator, length($4) + 2) = '(' || $4 || ')')",
                " AND ($5::text IS NULL OR e.timestamp >= $5) AND ($6::text IS NULL OR e.timestamp < $6)",
                " AND ($7::bytea IS NULL OR position($7 IN e.operator_notes) > 0",
                " OR position($7 IN e.justification) > 0 OR position($7 IN e.diff) > 0)",
                " AND e.id > $8 AND ($9::bigint IS NULL OR e.id < $9)",
                " ORDER BY e.appended_at ",
                $order,
                ", e.bottle_slug, e.id ",
                $order,
                " LIMIT $10"
            )
        };
    }
    let query = match filter.order {
        AuditOrder::OldestFirst => select!("ASC"),
        AuditOrder::NewestFirst => select!("DESC"),
    };
    let limit = (filter.limit > 0).then_some(i64::from(filter.limit));
    let rows = sqlx::query(query)
        .bind(filter.slug)
        .bind(filter.component)
        .bind(filter.action)
        .bind(filter.operator)
        .bind(filter.since)
        .bind(filter.until)
        .bind(filter.text.map(String::into_bytes))
        .bind(filter.after_id)
        .bind(filter.before_id)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

/// Reads an entry's seven columns as they are hashed; its number is the column before.
pub(super) fn raw(row: &PgRow) -> Result<RawEntry, sqlx::Error> {
    let word = |at: usize| row.try_get::<String, _>(at).map(String::into_bytes);
    Ok([
        word(1)?,
        word(2)?,
        word(3)?,
        word(4)?,
        row.try_get(5)?,
        row.try_get(6)?,
        row.try_get(7)?,
    ])
}

pub(super) fn origin(row: &PgRow) -> Result<AuditOrigin, sqlx::Error> {
    Ok(AuditOrigin {
        proposal_id: row.try_get(8)?,
        tool: row.try_get(9)?,
        operator: row.try_get(10)?,
        via: row.try_get(11)?,
        digest: row.try_get(12)?,
    })
}

pub(super) fn line(row: &PgRow) -> Result<ChainLine, sqlx::Error> {
    Ok(ChainLine {
        prev: row.try_get(13)?,
        hash: row.try_get(14)?,
        link: Link::Ours,
    })
}

fn audit_row(row: &PgRow) -> Result<AuditRow, StoreError> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let [
        timestamp,
        bottle_slug,
        component,
        operator_action,
        operator_notes,
        justification,
        diff,
    ] = raw(row)?.map(text);
    Ok(AuditRow {
        // What was modified stands in the fleet's own table of proposals.
        proposal: None,
        id: row.try_get(0)?,
        entry: AuditEntry {
            timestamp,
            bottle_slug,
            component,
            operator_action,
            operator_notes,
            justification,
            diff,
        },
        origin: origin(row)?,
        chain: Some(line(row)?),
        bytes: Vec::new(),
    })
}
