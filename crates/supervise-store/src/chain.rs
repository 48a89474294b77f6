//! The audit chain: each entry's hash covers the entry, what is known of its origin, and the hash before.
//!
//! A chain inside the database shows tampering only to those who can't recompute it; its head is therefore
//! written down outside as well, see `anchor`.

use sqlx::SqliteConnection;
use supervise_core::{AuditEntry, FieldHasher};

use crate::audit::AuditOrigin;
use crate::error::StoreError;
use crate::row::text;

/// How an entry came into the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Appended by us, with its entry.
    Ours,
    /// Written by another program and chained by our next append.
    Adopted,
}

/// One line of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linked {
    pub(crate) id: i64,
    pub(crate) hash: String,
}

/// SHA-256 over `"supervise-audit-v1\0"` and the framed fields: the hash before (empty for the first), the
/// id as a big-endian `u64`, the entry's seven fields, the five of its origin (NULL is not empty), and
/// `ours` or `adopted`.
fn link_hash(prev: &str, id: i64, entry: &AuditEntry, origin: &AuditOrigin, link: Link) -> String {
    FieldHasher::new(b"supervise-audit-v1\0")
        .field(prev)
        .field(id.to_be_bytes())
        .field(&entry.timestamp)
        .field(&entry.bottle_slug)
        .field(&entry.component)
        .field(&entry.operator_action)
        .field(&entry.operator_notes)
        .field(&entry.justification)
        .field(&entry.diff)
        .optional(origin.proposal_id.as_deref())
        .optional(origin.tool.as_deref())
        .optional(origin.operator.as_deref())
        .optional(origin.via.as_deref())
        .optional(origin.digest.as_deref())
        .field(if link == Link::Ours { "ours" } else { "adopted" })
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

/// Chains the entries that other programs wrote above the head, then ours.
pub(crate) async fn append(
    sql: &mut SqliteConnection,
    id: i64,
    entry: &AuditEntry,
    origin: &AuditOrigin,
) -> Result<(), StoreError> {
    let head = head(sql).await?;
    let (above, mut prev) = head.map_or((0, String::new()), |head| (head.id, head.hash));
    for (foreign, entry) in foreign(sql, above, id).await? {
        prev = insert(
            sql,
            &prev,
            foreign,
            &entry,
            &AuditOrigin::default(),
            Link::Adopted,
        )
        .await?;
    }
    insert(sql, &prev, id, entry, origin, Link::Ours).await?;
    Ok(())
}

async fn insert(
    sql: &mut SqliteConnection,
    prev: &str,
    id: i64,
    entry: &AuditEntry,
    origin: &AuditOrigin,
    link: Link,
) -> Result<String, StoreError> {
    let hash = link_hash(prev, id, entry, origin, link);
    let query = "INSERT INTO supervise_audit_chain (id, prev, hash, adopted) VALUES (?, ?, ?, ?)";
    sqlx::query(query)
        .bind(id)
        .bind(prev)
        .bind(&hash)
        .bind(link == Link::Adopted)
        .execute(sql)
        .await?;
    Ok(hash)
}

async fn foreign(
    sql: &mut SqliteConnection,
    above: i64,
    below: i64,
) -> Result<Vec<(i64, AuditEntry)>, StoreError> {
    let query = concat!(
        "SELECT id, ",
        text!("timestamp"),
        ", ",
        text!("bottle_slug"),
        ", ",
        text!("component"),
        ", ",
        text!("operator_action"),
        ", ",
        text!("operator_notes"),
        ", ",
        text!("justification"),
        ", ",
        text!("diff"),
        " FROM supervise_audit_entries WHERE id > ? AND id < ? ORDER BY id"
    );
    let rows = sqlx::query(query).bind(above).bind(below).fetch_all(sql).await?;
    rows.iter()
        .map(|row| crate::audit::entry(row).ok_or(StoreError::Altered("an audit entry")))
        .collect()
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
