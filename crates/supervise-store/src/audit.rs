//! The audit log: appended to in the chain, read in pages.

mod page;
pub(crate) mod proposed;

use supervise_core::{AuditEntry, Proposal, SafeLine};

use crate::anchor::Anchor;
use crate::chain::{self, ChainLine, RawEntry};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;
use crate::task::Work;

pub use page::{AuditFilter, AuditOrder};

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
    /// What had been proposed, where the operator made something else of it. Whether it is that is proved by the
    /// origin's digest.
    pub proposal: Option<Proposal>,
    /// Its line of the chain; none where another program wrote it and nothing was appended since.
    pub chain: Option<ChainLine>,
    /// What another program wrote and isn't UTF-8, as it is: the column and its bytes.
    pub bytes: Vec<(AuditColumn, Vec<u8>)>,
}

/// A column of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditColumn(usize);

impl AuditColumn {
    const NAMES: [&str; 7] = [
        "timestamp",
        "bottle_slug",
        "component",
        "operator_action",
        "operator_notes",
        "justification",
        "diff",
    ];

    /// Its name in the database and in JSON.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.0]
    }

    /// The column of that name.
    pub fn from_name(name: &str) -> Option<AuditColumn> {
        Self::NAMES
            .iter()
            .position(|column| *column == name)
            .map(AuditColumn)
    }
}

impl AuditRow {
    /// The columns as they are stored and hashed.
    pub(crate) fn raw(&self) -> RawEntry {
        let mut raw = chain::raw_entry(&self.entry);
        for (column, bytes) in &self.bytes {
            raw[column.0].clone_from(bytes);
        }
        raw
    }
}

impl Host {
    /// Appends an entry that no decision made, such as an operator's edit. Returns its number.
    pub async fn audit_append(&self, entry: AuditEntry, origin: AuditOrigin) -> Result<i64, StoreError> {
        self.append_chained(move |connection| {
            Box::pin(async move { append(connection, &entry, &origin).await })
        })
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
