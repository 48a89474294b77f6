//! Pages of entries with all that belongs to them, each page as one text: a value that goes by itself from SQLite's
//! thread to ours costs more than its hash.

use std::borrow::Cow;

use supervise_core::Proposal;

use crate::audit::AuditOrigin;
use crate::chain::{ChainLine, Link, RawEntry};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::schema::Tables;
use crate::verify::walk::Seen;

/// Entries in a page, whose text has to be shorter than SQLite's billion bytes, and is best shorter than what the
/// allocator maps and unmaps each time.
const PAGE: i64 = 64;
/// SQLite's code for a text that would be longer.
const TOO_BIG: &str = "18";

/// Entries as SQLite packed them.
#[derive(Debug)]
pub(super) struct Page {
    /// The highest of their ids.
    pub(super) last_id: i64,
    text: String,
}

impl Page {
    /// The entries from the id `from` on, as many as a page has; `None`: there are no more.
    pub(super) async fn read(connection: &mut Connection, from: i64) -> Result<Option<Page>, StoreError> {
        match read(connection, from, PAGE).await {
            Err(error) if is_too_big(&error) => Ok(read(connection, from, 1).await?),
            other => Ok(other?),
        }
    }

    /// The entries in order.
    pub(super) fn entries(&self) -> Result<Vec<Seen<'static>>, StoreError> {
        let mut entries = Vec::new();
        for line in self.text.lines() {
            let entry = unpack(line);
            entries.push(entry.ok_or_else(|| StoreError::Unreadable("a line of the audit log".to_owned()))?);
        }
        // SQLite promises no order within an aggregate.
        entries.sort_by_key(|entry| entry.id);
        Ok(entries)
    }
}

fn is_too_big(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == TOO_BIG)
}

async fn read(connection: &mut Connection, from: i64, limit: i64) -> Result<Option<Page>, sqlx::Error> {
    connection.start_statement();
    let (last_id, text): (Option<i64>, Option<String>) = sqlx::query_as(query(connection.tables))
        .bind(from)
        .bind(limit)
        .fetch_one(&mut connection.sql)
        .await?;
    Ok(last_id.zip(text).map(|(last_id, text)| Page { last_id, text }))
}

/// A text as `=` and its bytes in hex, anything else as the name of its type.
macro_rules! typed {
    ($column:literal) => {
        concat!(
            "iif(typeof(",
            $column,
            ") = 'text', '=' || hex(",
            $column,
            "), typeof(",
            $column,
            "))"
        )
    };
}

macro_rules! select {
    ($beside:expr, $joins:expr) => {
        concat!(
            "SELECT max(id), group_concat(entry, char(10)) FROM (SELECT e.id, concat_ws(',', e.id, hex(e.timestamp), ",
            "hex(e.bottle_slug), hex(e.component), hex(e.operator_action), hex(e.operator_notes), ",
            "hex(e.justification), hex(e.diff), ",
            $beside,
            ") AS entry FROM supervise_audit_entries e ",
            $joins,
            " WHERE e.id >= ?1 ORDER BY e.id LIMIT ?2 + 0)"
        )
    };
}

macro_rules! with_ours {
    ($proposal:expr, $join:literal) => {
        select!(
            concat!(
                "coalesce(c.adopted, 1) = 1 OR (typeof(e.timestamp) = 'text' AND typeof(e.bottle_slug) = 'text'",
                " AND typeof(e.component) = 'text' AND typeof(e.operator_action) = 'text'",
                " AND typeof(e.operator_notes) = 'text' AND typeof(e.justification) = 'text'",
                " AND typeof(e.diff) = 'text'), ",
                "iif(o.id IS NULL, '', concat_ws(';', ",
                typed!("o.proposal_id"),
                ", ",
                typed!("o.tool"),
                ", ",
                typed!("o.operator"),
                ", ",
                typed!("o.via"),
                ", ",
                typed!("o.digest"),
                ")), iif(c.id IS NULL, '', concat_ws(';', ",
                typed!("c.prev"),
                ", ",
                typed!("c.hash"),
                ", iif(typeof(c.adopted) = 'integer', c.adopted, 'none'))), ",
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

fn query(tables: Tables) -> &'static str {
    match (tables.own, tables.own && tables.added) {
        (_, true) => with_ours!(
            typed!("p.proposal"),
            " LEFT JOIN supervise_audit_proposals p ON p.id = e.id"
        ),
        // A file of the version before doesn't have what was proposed.
        (true, false) => with_ours!("'null'", ""),
        (false, false) => select!("1, '', '', 'null'", ""),
    }
}

const UNREADABLE: ChainLine = ChainLine {
    prev: String::new(),
    hash: String::new(),
    link: Link::Ours,
};

/// `None`: the query's line is not of the form that it makes.
fn unpack(line: &str) -> Option<Seen<'static>> {
    let mut fields = line.split(',');
    let id = fields.next()?.parse().ok()?;
    let mut entry = RawEntry::default();
    for field in &mut entry {
        *field = from_hex(fields.next()?)?;
    }
    let typed = fields.next()? == "1";
    let (origin, line) = (fields.next()?, fields.next()?);
    let proposal = text(fields.next()?);
    let origin = (!origin.is_empty()).then(|| read_origin(origin));
    let line = (!line.is_empty()).then(|| read_line(line));
    Some(Seen {
        id,
        entry: Cow::Owned(entry),
        sound: typed && !matches!(origin, Some(None)) && !matches!(line, Some(None)),
        origin: origin.flatten(),
        // A line that can't be read is one all the same.
        line: line.map(|line| line.unwrap_or(UNREADABLE)),
        proposed: proposal
            .map(|text| text.as_deref().map(digest))
            .unwrap_or(Some(None)),
    })
}

/// `None`: a column is neither text nor NULL.
fn read_origin(columns: &str) -> Option<AuditOrigin> {
    let mut columns = columns.split(';').map(text);
    Some(AuditOrigin {
        proposal_id: columns.next()?.ok()?,
        tool: columns.next()?.ok()?,
        operator: columns.next()?.ok()?,
        via: columns.next()?.ok()?,
        digest: columns.next()?.ok()?,
    })
}

/// `None`: a column isn't of its type.
fn read_line(columns: &str) -> Option<ChainLine> {
    let mut columns = columns.split(';');
    Some(ChainLine {
        prev: text(columns.next()?).ok()??,
        hash: text(columns.next()?).ok()??,
        link: match columns.next()? {
            "0" => Link::Ours,
            "1" => Link::Adopted,
            _ => return None,
        },
    })
}

/// The digest of what is kept as a proposal; `None` is no proposal.
fn digest(kept: &str) -> Option<String> {
    let proposal: Proposal = serde_json::from_str(kept).ok()?;
    Some(proposal.digest().to_string())
}

/// What stands there is neither text nor NULL.
#[derive(Debug, Clone, Copy)]
struct Odd;

fn text(typed: &str) -> Result<Option<String>, Odd> {
    match typed.strip_prefix('=') {
        Some(hex) => {
            let text = from_hex(hex).and_then(|bytes| String::from_utf8(bytes).ok());
            text.map(Some).ok_or(Odd)
        }
        None if typed == "null" => Ok(None),
        None => Err(Odd),
    }
}

/// SQLite's hex digits are upper-case.
fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    };
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(pairs.len());
    for &[high, low] in pairs {
        bytes.push(digit(high)? << 4 | digit(low)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;
    use supervise_core::{AuditEntry, Root, now_timestamp};

    use super::*;
    use crate::host::Host;

    async fn host(dir: &tempfile::TempDir) -> Host {
        Host::create(&Root::new(dir.path())).await.unwrap()
    }

    #[tokio::test]
    async fn each_page_begins_where_the_one_before_ended() {
        let dir = tempfile::tempdir().unwrap();
        let host = host(&dir).await;
        let plans = host.db().read(|connection| {
            Box::pin(async move {
                let mut plans = Vec::new();
                for own in [false, true] {
                    let tables = Tables {
                        own,
                        ..connection.tables
                    };
                    let plan = format!("EXPLAIN QUERY PLAN {}", query(tables));
                    let rows = sqlx::query(sqlx::AssertSqlSafe(plan))
                        .bind(1)
                        .bind(1)
                        .fetch_all(&mut connection.sql)
                        .await?;
                    for row in rows {
                        plans.push(row.try_get::<String, _>("detail")?);
                    }
                }
                Ok(plans)
            })
        });
        let plans = plans.await.unwrap();
        assert!(plans.iter().any(|step| step.contains("SEARCH e")));
        // The outermost scan is that of the page itself.
        for step in plans {
            assert!(!step.contains("SCAN e"), "{step}");
        }
        host.close().await;
    }

    #[tokio::test]
    async fn entries_are_read_whatever_is_in_them_and_one_by_one_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let host = host(&dir).await;
        for notes in ["a", "b", "c"] {
            let entry = AuditEntry {
                timestamp: now_timestamp(),
                bottle_slug: "dev".into(),
                component: "egress".into(),
                operator_action: "approved".into(),
                operator_notes: notes.into(),
                justification: "ü,\n\0".into(),
                diff: String::new(),
            };
            host.audit_append(entry, AuditOrigin::default()).await.unwrap();
        }
        let read = host.db().read(|connection| {
            Box::pin(async move {
                let too_big = sqlx::query("SELECT zeroblob(2000000000)")
                    .execute(&mut connection.sql)
                    .await
                    .unwrap_err();
                assert!(is_too_big(&too_big), "{too_big}");
                let one = read(connection, 2, 1).await?.unwrap();
                let all = Page::read(connection, i64::MIN).await?.unwrap();
                assert_eq!((one.last_id, all.last_id), (2, 3));
                Ok((one.entries()?, all.entries()?, Page::read(connection, 4).await?))
            })
        });
        let (one, all, none) = read.await.unwrap();
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].entry[4], b"b");
        assert_eq!(all.iter().map(|seen| seen.id).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(all[2].entry[5], "ü,\n\0".as_bytes());
        assert!(none.is_none());
        host.close().await;
    }

    #[test]
    fn what_is_no_text_is_told_from_none() {
        assert!(matches!(text("null"), Ok(None)));
        assert!(matches!(text("="), Ok(Some(text)) if text.is_empty()));
        assert!(matches!(text("=C3BC"), Ok(Some(text)) if text == "ü"));
        for odd in ["=C3", "=C", "=0", "=zz", "integer", "blob"] {
            assert!(text(odd).is_err(), "{odd}");
        }
    }
}
