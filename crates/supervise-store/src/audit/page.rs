//! Reading entries: which ones, in which order, and what is known beside each.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::AuditEntry;

use super::{AuditColumn, AuditOrigin, AuditRow, proposed};
use crate::chain::{self, ChainLine, Link, RawEntry, raw_columns};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;

/// Which entries to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Only those of this bottle.
    pub slug: Option<String>,
    /// Only those of this component.
    pub component: Option<String>,
    /// Only those with this action.
    pub action: Option<String>,
    /// Only those of this operator: the whole signature, the configured name or the account's.
    pub operator: Option<String>,
    /// Only those of this time and later, as [`supervise_core::format_timestamp`] spells it.
    pub since: Option<String>,
    /// Only those before this time, in the same spelling.
    pub until: Option<String>,
    /// Only those with this text in the notes, the justification or the diff.
    pub text: Option<String>,
    /// Only those behind this entry.
    pub after_id: i64,
    /// Only those before this entry.
    pub before_id: Option<i64>,
    /// Which of them come first, and are read if there are more than the limit.
    pub order: AuditOrder,
    /// At most so many; 0 means all.
    pub limit: u32,
}

/// Which entries come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditOrder {
    /// By rising id.
    #[default]
    OldestFirst,
    /// By falling id.
    NewestFirst,
}

impl Host {
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
}

/// The other program leaves out a fraction that is zero, which would sort wrongly.
macro_rules! six_digits {
    () => {
        "iif(substr(e.timestamp, 20, 1) = '.', e.timestamp, \
         substr(e.timestamp, 1, 19) || '.000000' || substr(e.timestamp, 20))"
    };
}

macro_rules! select {
    ($beside:expr, $operator:expr, $joins:expr, $order:literal) => {
        concat!(
            "SELECT e.id, ",
            raw_columns!(),
            ", ",
            $beside,
            " FROM supervise_audit_entries e ",
            $joins,
            " WHERE e.id > ?1 AND e.id <= ifnull(?2 - 1, 9223372036854775807)",
            " AND (?3 IS NULL OR e.bottle_slug = ?3) AND (?4 IS NULL OR e.component = ?4)",
            " AND (?5 IS NULL OR e.operator_action = ?5)",
            // As configured and the account's: `ada (root)`.
            " AND (?6 IS NULL OR ",
            $operator,
            " = ?6 OR instr(",
            $operator,
            ", ?6 || ' (') = 1 OR substr(",
            $operator,
            ", -length(?6) - 2) = '(' || ?6 || ')')",
            " AND (?7 IS NULL OR ",
            six_digits!(),
            " >= ?7) AND (?8 IS NULL OR ",
            six_digits!(),
            " < ?8) AND (?9 IS NULL OR instr(e.operator_notes, ?9) OR instr(e.justification, ?9)",
            " OR instr(e.diff, ?9)) ORDER BY e.id ",
            $order,
            " LIMIT ?10"
        )
    };
}

macro_rules! with_ours {
    ($proposal:literal, $join:literal, $order:literal) => {
        select!(
            concat!(
                "o.proposal_id, o.tool, o.operator, o.via, o.digest, c.prev, c.hash, c.adopted, ",
                $proposal
            ),
            "o.operator",
            concat!(
                "LEFT JOIN supervise_audit_origins o ON o.id = e.id ",
                "LEFT JOIN supervise_audit_chain c ON c.id = e.id",
                $join
            ),
            $order
        )
    };
    // A file of the version before doesn't have what was proposed.
    ($order:literal) => {
        with_ours!("NULL", "", $order)
    };
}

macro_rules! with_all {
    ($order:literal) => {
        with_ours!(
            "p.proposal",
            " LEFT JOIN supervise_audit_proposals p ON p.id = e.id",
            $order
        )
    };
}

macro_rules! without_ours {
    ($order:literal) => {
        select!(
            "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
            "NULL",
            "",
            $order
        )
    };
}

async fn page(connection: &mut Connection, filter: AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
    let tables = connection.tables;
    let query = match (tables.own, tables.own && tables.added, filter.order) {
        (_, true, AuditOrder::OldestFirst) => with_all!("ASC"),
        (_, true, AuditOrder::NewestFirst) => with_all!("DESC"),
        (true, false, AuditOrder::OldestFirst) => with_ours!("ASC"),
        (true, false, AuditOrder::NewestFirst) => with_ours!("DESC"),
        (false, false, AuditOrder::OldestFirst) => without_ours!("ASC"),
        (false, false, AuditOrder::NewestFirst) => without_ours!("DESC"),
    };
    let limit = match filter.limit {
        0 => -1,
        limit => i64::from(limit),
    };
    let rows = sqlx::query(query)
        .bind(filter.after_id)
        .bind(filter.before_id)
        .bind(filter.slug)
        .bind(filter.component)
        .bind(filter.action)
        .bind(filter.operator)
        .bind(filter.since)
        .bind(filter.until)
        .bind(filter.text)
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
    let adopted = row.try_get::<Option<bool>, _>(15).ok().flatten();
    let link = adopted.map(|adopted| if adopted { Link::Adopted } else { Link::Ours });
    let chain = text(5).zip(text(6)).zip(link);
    let raw = chain::read_raw(row)?;
    Ok(AuditRow {
        id: row.try_get(0)?,
        bytes: bytes(&raw),
        entry: entry(raw),
        origin,
        proposal: proposed::read(row, 16).and_then(Result::ok),
        chain: chain.map(|((prev, hash), link)| ChainLine { prev, hash, link }),
    })
}

fn bytes(raw: &RawEntry) -> Vec<(AuditColumn, Vec<u8>)> {
    let odd = raw.iter().enumerate();
    odd.filter(|(_, field)| std::str::from_utf8(field).is_err())
        .map(|(at, field)| (AuditColumn(at), field.clone()))
        .collect()
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
