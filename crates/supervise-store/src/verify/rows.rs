//! The walk through the database: a page of joined rows at a time, in the caller's transaction.

use std::borrow::Cow;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::anchor::AnchorLines;
use crate::audit::{AuditOrigin, proposed};
use crate::chain::{ChainLine, Link, raw_columns, read_raw};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::verify::walk::{Lag, Scope, Seen, Walk};
use crate::verify::{Problem, Verified, Wrong};

/// Each page is a statement, which may take two seconds.
const PAGE: usize = 500;

/// Lines and side rows without an entry: the first of each.
#[derive(Debug, Default)]
struct Orphans {
    line: Option<i64>,
    origin: Option<i64>,
    proposal: Option<i64>,
}

impl Orphans {
    /// The problem at the first of them, if it comes before the entry `id`.
    fn before(&self, id: i64) -> Option<Problem> {
        let first = self
            .line
            .into_iter()
            .chain(self.origin)
            .chain(self.proposal)
            .min()?;
        (first < id).then(|| Problem::at(first, Wrong::Missing))
    }
}

pub(super) async fn verify(
    connection: &mut Connection,
    mut anchor: Option<(AnchorLines, Lag)>,
) -> Result<Verified, StoreError> {
    // The transaction has begun, so the chain stays as it is.
    if let Some((lines, _)) = &mut anchor {
        lines.settle()?;
    }
    let has_anchor = anchor.is_some();
    let mut walk = Walk::new(Scope::Whole, anchor);
    if let Some(problem) = all(connection, &mut walk).await? {
        return Ok(walk.stop(Some(problem)));
    }
    let mut verified = walk.finish()?;
    if verified.problem.is_none() && verified.chained > 0 && !has_anchor {
        let wrong = Wrong::AnchorMissing;
        verified.problem = Some(Problem { id: None, wrong });
    }
    Ok(verified)
}

async fn all(connection: &mut Connection, walk: &mut Walk) -> Result<Option<Problem>, StoreError> {
    if !connection.tables.shared {
        return Ok(None);
    }
    let orphans = orphans(connection).await?;
    let mut last_id = None;
    loop {
        let rows = page(connection, last_id).await?;
        for seen in &rows {
            if let Some(problem) = orphans.before(seen.id) {
                return Ok(Some(problem));
            }
            if let Err(problem) = walk.step(seen)? {
                return refined(connection, walk, seen, problem).await.map(Some);
            }
            last_id = Some(seen.id);
        }
        if rows.len() < PAGE {
            break;
        }
    }
    match orphans.before(i64::MAX) {
        Some(problem) => Ok(Some(problem)),
        None => cut_off(connection, last_id.unwrap_or(0)).await,
    }
}

async fn page(connection: &mut Connection, after: Option<i64>) -> Result<Vec<Seen<'static>>, StoreError> {
    macro_rules! select {
        ($columns:expr, $joins:expr) => {
            concat!(
                "SELECT e.id, ",
                raw_columns!(),
                ", ",
                $columns,
                " FROM supervise_audit_entries e ",
                $joins,
                " WHERE (?1 IS NULL OR e.id > ?1) ORDER BY e.id LIMIT ?2"
            )
        };
    }
    macro_rules! with_ours {
        ($proposal:literal, $join:literal) => {
            select!(
                concat!(
                    "o.id, o.proposal_id, o.tool, o.operator, o.via, o.digest, c.id, c.prev, c.hash, c.adopted, ",
                "coalesce(c.adopted, 1) = 1 OR (typeof(e.timestamp) = 'text' AND typeof(e.bottle_slug) = 'text'",
                " AND typeof(e.component) = 'text' AND typeof(e.operator_action) = 'text'",
                " AND typeof(e.operator_notes) = 'text' AND typeof(e.justification) = 'text'",
                " AND typeof(e.diff) = 'text'), ",
                    $proposal
                ),
                concat!(
                    "LEFT JOIN supervise_audit_origins o ON o.id = e.id ",
                    "LEFT JOIN supervise_audit_chain c ON c.id = e.id",
                    $join
                )
            )
        };
    }
    let tables = connection.tables;
    let query = match (tables.own, tables.own && tables.added) {
        (_, true) => with_ours!(
            "p.proposal",
            " LEFT JOIN supervise_audit_proposals p ON p.id = e.id"
        ),
        (true, false) => with_ours!("NULL", ""),
        (false, false) => select!(
            "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL",
            ""
        ),
    };
    connection.start_statement();
    let rows = sqlx::query(query)
        .bind(after)
        .bind(PAGE as i64)
        .fetch_all(&mut connection.sql)
        .await?;
    rows.iter().map(seen).collect()
}

fn seen(row: &SqliteRow) -> Result<Seen<'static>, StoreError> {
    let (origin, line) = (origin(row), line(row));
    let sound = origin.is_ok() && line.is_ok() && row.try_get(18)?;
    Ok(Seen {
        id: row.try_get(0)?,
        entry: Cow::Owned(read_raw(row)?),
        origin: origin.unwrap_or_default(),
        // A line that can't be read is one all the same.
        line: line.unwrap_or(Some(UNREADABLE)),
        sound,
        proposed: proposed::read(row, 19).map(|proposal| proposal.map(|p| p.digest().to_string()).ok()),
    })
}

const UNREADABLE: ChainLine = ChainLine {
    prev: String::new(),
    hash: String::new(),
    link: Link::Ours,
};

/// An error: a column is neither text nor NULL.
fn origin(row: &SqliteRow) -> Result<Option<AuditOrigin>, sqlx::Error> {
    if row.try_get::<Option<i64>, _>(8)?.is_none() {
        return Ok(None);
    }
    Ok(Some(AuditOrigin {
        proposal_id: row.try_get(9)?,
        tool: row.try_get(10)?,
        operator: row.try_get(11)?,
        via: row.try_get(12)?,
        digest: row.try_get(13)?,
    }))
}

/// An error: a column isn't of its type.
fn line(row: &SqliteRow) -> Result<Option<ChainLine>, sqlx::Error> {
    if row.try_get::<Option<i64>, _>(14)?.is_none() {
        return Ok(None);
    }
    let link = match row.try_get::<i64, _>(17)? {
        0 => Link::Ours,
        1 => Link::Adopted,
        other => return Err(sqlx::Error::Decode(format!("adopted is {other}").into())),
    };
    Ok(Some(ChainLine {
        prev: row.try_get(15)?,
        hash: row.try_get(16)?,
        link,
    }))
}

async fn orphans(connection: &mut Connection) -> Result<Orphans, StoreError> {
    macro_rules! first {
        ($table:literal) => {
            concat!(
                "SELECT min(x.id) FROM ",
                $table,
                " x WHERE NOT EXISTS (SELECT 1 FROM supervise_audit_entries e WHERE e.id = x.id)"
            )
        };
    }
    if !connection.tables.own {
        return Ok(Orphans::default());
    }
    let proposal = match connection.tables.added {
        true => first(connection, first!("supervise_audit_proposals")).await?,
        false => None,
    };
    Ok(Orphans {
        proposal,
        line: first(connection, first!("supervise_audit_chain")).await?,
        origin: first(connection, first!("supervise_audit_origins")).await?,
    })
}

async fn first(connection: &mut Connection, query: &'static str) -> Result<Option<i64>, StoreError> {
    connection.start_statement();
    Ok(sqlx::query_scalar(query).fetch_one(&mut connection.sql).await?)
}

/// SQLite remembers the highest number it gave, and takes it back with a transaction that was rolled back.
async fn cut_off(connection: &mut Connection, last_id: i64) -> Result<Option<Problem>, StoreError> {
    let counts = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'";
    connection.start_statement();
    let counts: Option<i64> = sqlx::query_scalar(counts)
        .fetch_optional(&mut connection.sql)
        .await?;
    if counts.is_none() {
        return Ok(None);
    }
    let given =
        "SELECT CAST(max(seq) AS INTEGER) FROM sqlite_sequence WHERE name = 'supervise_audit_entries'";
    let last = first(connection, given).await?.unwrap_or(0);
    Ok((last > last_id).then(|| Problem::at(last_id + 1, Wrong::TailCut { last })))
}

/// Looks around a line that doesn't fit for what has been changed: the entry, or its hash.
async fn refined(
    connection: &mut Connection,
    walk: &Walk,
    seen: &Seen<'_>,
    problem: Problem,
) -> Result<Problem, StoreError> {
    let (Wrong::Changed, Some(line)) = (&problem.wrong, &seen.line) else {
        return Ok(problem);
    };
    connection.start_statement();
    let next = "SELECT CAST(prev AS BLOB) FROM supervise_audit_chain WHERE id > ? ORDER BY id LIMIT 1";
    let next: Option<Vec<u8>> = sqlx::query_scalar(next)
        .bind(seen.id)
        .fetch_optional(&mut connection.sql)
        .await?;
    let fits = seen.hash(walk.prev(), line.link);
    if next.is_some_and(|next| next == fits.as_bytes()) {
        return Ok(Problem::at(seen.id, Wrong::HashChanged));
    }
    Ok(problem)
}
