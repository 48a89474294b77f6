//! What was proposed, beside an entry that made something else of it: the queue forgets, the audit log doesn't.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::Proposal;

use crate::connection::Connection;
use crate::error::StoreError;

/// Keeps the proposal of the entry `id`, inside the caller's transaction.
pub(crate) async fn keep(
    connection: &mut Connection,
    id: i64,
    proposal: &Proposal,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(proposal)
        .map_err(|error| StoreError::Unreadable(format!("the proposal: {error}")))?;
    sqlx::query("INSERT INTO supervise_audit_proposals (id, proposal) VALUES (?, ?)")
        .bind(id)
        .bind(text)
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

/// The proposal that stands in a column; `None` where there is none.
pub(crate) fn read(row: &SqliteRow, column: usize) -> Option<Result<Proposal, Unreadable>> {
    match row.try_get::<Option<String>, _>(column) {
        Ok(text) => Some(serde_json::from_str(&text?).map_err(|_| Unreadable)),
        Err(_) => Some(Err(Unreadable)),
    }
}

/// What stands there is no proposal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unreadable;
