//! The audit chain: each entry's hash covers the entry, what is known of its origin, and the hash before.
//!
//! A chain inside the database shows tampering only to those who can't recompute it; its head is therefore
//! written down outside as well, see `anchor`.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use supervise_core::{AuditEntry, FieldHasher};

use crate::audit::AuditOrigin;
use crate::connection::Connection;
use crate::error::StoreError;

/// The columns of an entry `e` as bytes, for [`read_raw`].
macro_rules! raw_columns {
    () => {
        "CAST(e.timestamp AS BLOB), CAST(e.bottle_slug AS BLOB), CAST(e.component AS BLOB), \
         CAST(e.operator_action AS BLOB), CAST(e.operator_notes AS BLOB), CAST(e.justification AS BLOB), \
         CAST(e.diff AS BLOB)"
    };
}
pub(crate) use raw_columns;

/// How an entry came into the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Appended by us, with its entry.
    Ours,
    /// Written by another program and chained by our next append.
    Adopted,
}

impl Link {
    /// `ours` or `adopted`, the word that is hashed.
    pub fn name(self) -> &'static str {
        match self {
            Link::Ours => "ours",
            Link::Adopted => "adopted",
        }
    }

    /// The other way round of [`Link::name`].
    pub fn from_name(name: &str) -> Option<Link> {
        [Link::Ours, Link::Adopted]
            .into_iter()
            .find(|link| link.name() == name)
    }
}

/// An entry's line of the chain, as it is stored. Hashes are 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLine {
    /// The hash of the line before; empty for the first.
    pub prev: String,
    /// The entry's own.
    pub hash: String,
    /// How it came into the chain.
    pub link: Link,
}

/// One line of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linked {
    pub(crate) id: i64,
    pub(crate) hash: String,
}

/// An entry's seven columns as bytes. What another program wrote need not be text, and is chained all the same.
pub(crate) type RawEntry = [Vec<u8>; 7];

pub(crate) fn raw_entry(entry: &AuditEntry) -> RawEntry {
    [
        &entry.timestamp,
        &entry.bottle_slug,
        &entry.component,
        &entry.operator_action,
        &entry.operator_notes,
        &entry.justification,
        &entry.diff,
    ]
    .map(|field| field.as_bytes().to_vec())
}

/// SHA-256 over `"supervise-audit-v1\0"` and the framed fields: the hash before (empty for the first), the
/// id as a big-endian `u64`, the entry's seven fields, the five of its origin (NULL is not empty), and
/// `ours` or `adopted`.
pub(crate) fn link_hash(prev: &str, id: i64, entry: &RawEntry, origin: &AuditOrigin, link: Link) -> String {
    let hasher = FieldHasher::new(b"supervise-audit-v1\0")
        .field(prev)
        .field(id.to_be_bytes());
    entry
        .iter()
        .fold(hasher, |hasher, field| hasher.field(field))
        .optional(origin.proposal_id.as_deref())
        .optional(origin.tool.as_deref())
        .optional(origin.operator.as_deref())
        .optional(origin.via.as_deref())
        .optional(origin.digest.as_deref())
        .field(link.name())
        .finish()
        .to_string()
}

/// The last line of the chain.
pub(crate) async fn head(sql: &mut SqliteConnection) -> Result<Option<Linked>, StoreError> {
    let query = "SELECT id, hash FROM supervise_audit_chain ORDER BY id DESC LIMIT 1";
    let row: Option<(i64, String)> = sqlx::query_as(query).fetch_optional(sql).await?;
    Ok(row.map(|(id, hash)| Linked { id, hash }))
}

/// The lines behind `id`, in order.
pub(crate) async fn after(sql: &mut SqliteConnection, id: i64) -> Result<Vec<Linked>, StoreError> {
    let query = "SELECT id, hash FROM supervise_audit_chain WHERE id > ? ORDER BY id";
    let rows: Vec<(i64, String)> = sqlx::query_as(query).bind(id).fetch_all(sql).await?;
    Ok(rows.into_iter().map(|(id, hash)| Linked { id, hash }).collect())
}

/// Chains the entries that other programs wrote above the head, then ours. A first adoption may have a long
/// log to go through, so each of its statements has a time limit of its own.
pub(crate) async fn append(
    connection: &mut Connection,
    id: i64,
    entry: &AuditEntry,
    origin: &AuditOrigin,
) -> Result<(), StoreError> {
    let head = head(&mut connection.sql).await?;
    let (mut above, mut prev) = head.map_or((0, String::new()), |head| (head.id, head.hash));
    while let Some((foreign, entry)) = next_foreign(connection, above, id).await? {
        prev = insert(
            connection,
            &prev,
            foreign,
            &entry,
            &AuditOrigin::default(),
            Link::Adopted,
        )
        .await?;
        above = foreign;
    }
    insert(connection, &prev, id, &raw_entry(entry), origin, Link::Ours).await?;
    Ok(())
}

async fn insert(
    connection: &mut Connection,
    prev: &str,
    id: i64,
    entry: &RawEntry,
    origin: &AuditOrigin,
    link: Link,
) -> Result<String, StoreError> {
    connection.start_statement();
    let hash = link_hash(prev, id, entry, origin, link);
    let query = "INSERT INTO supervise_audit_chain (id, prev, hash, adopted) VALUES (?, ?, ?, ?)";
    sqlx::query(query)
        .bind(id)
        .bind(prev)
        .bind(&hash)
        .bind(link == Link::Adopted)
        .execute(&mut connection.sql)
        .await?;
    Ok(hash)
}

async fn next_foreign(
    connection: &mut Connection,
    above: i64,
    below: i64,
) -> Result<Option<(i64, RawEntry)>, StoreError> {
    connection.start_statement();
    let query = concat!(
        "SELECT e.id, ",
        raw_columns!(),
        " FROM supervise_audit_entries e WHERE e.id > ? AND e.id < ? ORDER BY e.id LIMIT 1"
    );
    let row = sqlx::query(query)
        .bind(above)
        .bind(below)
        .fetch_optional(&mut connection.sql)
        .await?;
    row.map(|row| Ok((row.try_get(0)?, read_raw(&row)?))).transpose()
}

/// Reads an entry from a row of its id and [`raw_columns`].
pub(crate) fn read_raw(row: &SqliteRow) -> Result<RawEntry, StoreError> {
    let mut entry = RawEntry::default();
    for (at, field) in entry.iter_mut().enumerate() {
        *field = row.try_get::<Option<Vec<u8>>, _>(at + 1)?.unwrap_or_default();
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_moves_the_hash() {
        let entry = || AuditEntry {
            timestamp: "t".into(),
            bottle_slug: "b".into(),
            component: "c".into(),
            operator_action: "a".into(),
            operator_notes: "n".into(),
            justification: "j".into(),
            diff: "d".into(),
        };
        let origin = AuditOrigin::default;
        let link_hash = |prev: &str, id, entry: &AuditEntry, origin: &AuditOrigin, link| {
            link_hash(prev, id, &raw_entry(entry), origin, link)
        };
        let base = link_hash("p", 1, &entry(), &origin(), Link::Ours);
        let notes = AuditEntry {
            operator_notes: "x".into(),
            ..entry()
        };
        let moved = AuditEntry {
            operator_notes: "nj".into(),
            justification: String::new(),
            ..entry()
        };
        let empty = AuditOrigin {
            tool: Some(String::new()),
            ..origin()
        };
        let others = [
            link_hash("q", 1, &entry(), &origin(), Link::Ours),
            link_hash("p", 2, &entry(), &origin(), Link::Ours),
            link_hash("p", 1, &notes, &origin(), Link::Ours),
            link_hash("p", 1, &moved, &origin(), Link::Ours),
            link_hash("p", 1, &entry(), &empty, Link::Ours),
            link_hash("p", 1, &entry(), &origin(), Link::Adopted),
        ];
        assert!(others.iter().all(|other| *other != base));
    }
}
