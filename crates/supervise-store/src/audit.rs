//! The audit log: appended to in the chain, read in pages.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::{AuditEntry, SafeLine};

use crate::anchor::Anchor;
use crate::chain::{self, RawEntry, raw_columns};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;
use crate::task::Work;

/// What is known beside an entry; nothing for entries that another program wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditOrigin {
    /// The proposal that was decided.
    pub proposal_id: Option<String>,
    /// Its tool.
    pub tool: Option<String>,
    /// Who decided.
    pub operator: Option<String>,
    /// With which command.
    pub via: Option<String>,
    /// The digest of what was on the screen.
    pub digest: Option<String>,
}

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; entries are ordered by it.
    pub id: i64,
    /// The entry.
    pub entry: AuditEntry,
    /// Where it came from.
    pub origin: AuditOrigin,
}

/// Which entries to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Only those of this bottle.
    pub slug: Option<String>,
    /// Only those of this component.
    pub component: Option<String>,
    /// Only those behind this entry.
    pub after_id: i64,
    /// At most so many; 0 means all.
    pub limit: u32,
}

impl Host {
    /// Appends an entry that no decision made, such as an operator's edit. Returns its number.
    pub async fn audit_append(&self, entry: AuditEntry, origin: AuditOrigin) -> Result<i64, StoreError> {
        self.append_chained(move |connection| {
            Box::pin(async move { append(connection, &entry, &origin).await })
        })
        .await
    }

    /// Reads entries in order.
    pub async fn audit_page(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        if !self.tables().shared {
            return Ok(Vec::new());
        }
        let filter = filter.clone();
        self.db()
            .read(move |connection| Box::pin(page(connection, filter)))
            .await
    }

    /// Runs a transaction that appends to the chain, and writes the chain's new lines into the anchor. The
    /// anchor's lock makes both one step for other programs of ours.
    pub(crate) async fn append_chained<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
    {
        let mut anchor = Anchor::lock(&self.root().chain_log()).await?;
        let done = self.db().write(work).await?;
        // The entry stands now, and what depends on it must not fail any more: an anchor that couldn't be
        // written lags, and the next append completes it.
        if let Err(error) = self.complete_anchor(&mut anchor).await {
            tracing::warn!(error = %SafeLine::new(&error.to_string()), "the audit chain's anchor could not be written");
        }
        Ok(done)
    }

    async fn complete_anchor(&self, anchor: &mut Anchor) -> Result<(), StoreError> {
        let last = anchor.last_id();
        let lines = self
            .db()
            .read(move |connection| Box::pin(chain_after(connection, last)))
            .await?;
        anchor.append(&lines)
    }
}

async fn chain_after(connection: &mut Connection, id: i64) -> Result<Vec<chain::Linked>, StoreError> {
    chain::after(&mut connection.sql, id).await
}

/// Inserts an entry, its origin and its line of the chain, inside the caller's transaction.
pub(crate) async fn append(
    connection: &mut Connection,
    entry: &AuditEntry,
    origin: &AuditOrigin,
) -> Result<i64, StoreError> {
    let query = "INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action,
        operator_notes, justification, diff) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id";
    let id: i64 = sqlx::query_scalar(query)
        .bind(&entry.timestamp)
        .bind(&entry.bottle_slug)
        .bind(&entry.component)
        .bind(&entry.operator_action)
        .bind(&entry.operator_notes)
        .bind(&entry.justification)
        .bind(&entry.diff)
        .fetch_one(&mut connection.sql)
        .await?;
    insert_origin(connection, id, origin).await?;
    chain::append(connection, id, entry, origin).await?;
    Ok(id)
}

async fn insert_origin(connection: &mut Connection, id: i64, origin: &AuditOrigin) -> Result<(), StoreError> {
    let query = "INSERT INTO supervise_audit_origins (id, proposal_id, tool, operator, via, digest)
        VALUES (?, ?, ?, ?, ?, ?)";
    sqlx::query(query)
        .bind(id)
        .bind(&origin.proposal_id)
        .bind(&origin.tool)
        .bind(&origin.operator)
        .bind(&origin.via)
        .bind(&origin.digest)
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn page(connection: &mut Connection, filter: AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
    macro_rules! select {
        ($origin:literal, $join:literal) => {
            concat!(
                "SELECT e.id, ",
                raw_columns!(),
                ", ",
                $origin,
                " FROM supervise_audit_entries e ",
                $join,
                " WHERE (?1 IS NULL OR e.bottle_slug = ?1) AND (?2 IS NULL OR e.component = ?2)",
                " AND e.id > ?3 ORDER BY e.id LIMIT ?4"
            )
        };
    }
    let query = if connection.tables.own {
        select!(
            "o.proposal_id, o.tool, o.operator, o.via, o.digest",
            "LEFT JOIN supervise_audit_origins o ON o.id = e.id"
        )
    } else {
        select!("NULL, NULL, NULL, NULL, NULL", "")
    };
    let limit = if filter.limit == 0 {
        -1
    } else {
        i64::from(filter.limit)
    };
    let rows = sqlx::query(query)
        .bind(&filter.slug)
        .bind(&filter.component)
        .bind(filter.after_id)
        .bind(limit)
        .fetch_all(&mut connection.sql)
        .await?;
    rows.iter().map(audit_row).collect()
}

fn audit_row(row: &SqliteRow) -> Result<AuditRow, StoreError> {
    let text = |at: usize| row.try_get::<Option<String>, _>(8 + at).ok().flatten();
    let origin = AuditOrigin {
        proposal_id: text(0),
        tool: text(1),
        operator: text(2),
        via: text(3),
        digest: text(4),
    };
    Ok(AuditRow {
        id: row.try_get(0)?,
        entry: entry(chain::read_raw(row)?),
        origin,
    })
}

/// What another program wrote need not be UTF-8; it is shown as far as it is, since it can't be mended.
fn entry(raw: RawEntry) -> AuditEntry {
    let [
        timestamp,
        bottle_slug,
        component,
        operator_action,
        operator_notes,
        justification,
        diff,
    ] = raw.map(|field| String::from_utf8_lossy(&field).into_owned());
    AuditEntry {
        timestamp,
        bottle_slug,
        component,
        operator_action,
        operator_notes,
        justification,
        diff,
    }
}
