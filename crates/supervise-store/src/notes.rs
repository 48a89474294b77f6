//! Writing down what the other side has told. What is noted already, or can't be any more, changes nothing.

use supervise_core::{Proposal, now_timestamp};
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::line::{Given, Note};
use crate::{asks, endings, refusals};

/// Whose claims they are that were told: none of this side's own has this token.
const TOKEN: &str = "told";

/// Writes all of them in a transaction of its own.
pub(crate) async fn write(connection: &mut Connection, notes: Vec<Note>) -> Result<(), StoreError> {
    connection.begin().await?;
    for note in notes {
        if let Err(error) = write_one(connection, note).await {
            connection.rollback().await;
            return Err(error);
        }
    }
    let committed = connection.commit().await;
    if committed.is_err() {
        connection.rollback().await;
    }
    committed
}

async fn write_one(connection: &mut Connection, note: Note) -> Result<(), StoreError> {
    connection.start_statement();
    match note {
        Note::Proposed(proposal) => propose(connection, &proposal).await,
        Note::Joined { id, count } => join(connection, id, count).await,
        Note::TimedOut(id) => endings::time_out(connection, id).await,
        Note::Claimed(id) => claim(connection, id).await,
        Note::Released(id) => release(connection, id).await,
        Note::Answered(given) => answer(connection, *given).await,
        Note::Reopened(id) => refusals::delete_of(connection, id).await,
        Note::Delivered(id) if is(connection, ANSWERED, id).await? => {
            endings::archive_decided(connection, &[id]).await
        }
        Note::Withdrawn(id) if is(connection, OPEN, id).await? => {
            endings::archive_withdrawn(connection, id).await
        }
        Note::Delivered(_) | Note::Withdrawn(_) => Ok(()),
    }
}

const OPEN: &str = "SELECT EXISTS (SELECT 1 FROM supervise_proposals p WHERE p.id = ?1 AND p.archived = 0)
    AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = ?1)
    AND NOT EXISTS (SELECT 1 FROM supervise_claims c WHERE c.proposal_id = ?1)";
const ANSWERED: &str = "SELECT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = ?1)
    AND NOT EXISTS (SELECT 1 FROM supervise_claims c WHERE c.proposal_id = ?1)";
const KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM supervise_proposals p WHERE p.id = ?1)";
macro_rules! answerable {
    () => {
        "EXISTS (SELECT 1 FROM supervise_proposals p WHERE p.id = ?1 AND p.archived = 0)
         AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = ?1)"
    };
}
const ANSWERABLE: &str = concat!("SELECT ", answerable!());
/// One text, since an agent waits: each statement by itself is a way to the connection's thread and back. `?2` is
/// whether it was applied: sqlx takes a number that a statement leaves out for one more value.
const ANSWER: &str = concat!(
    "DELETE FROM supervise_claims WHERE proposal_id = ?1 AND token = 'told';
     INSERT INTO supervise_responses (proposal_id, status, notes, final_file) SELECT ?1, ?3, ?4, ?5 WHERE ",
    answerable!(),
    ";
     INSERT OR REPLACE INTO supervise_outcomes (proposal_id, applied)
     SELECT ?1, ?2 WHERE ?2 IS NOT NULL AND changes() = 1"
);

async fn is(connection: &mut Connection, so: &'static str, id: Uuid) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar(so).bind(id.to_string());
    Ok(query.fetch_one(&mut connection.sql).await?)
}

async fn propose(connection: &mut Connection, proposal: &Proposal) -> Result<(), StoreError> {
    let known = sqlx::query_scalar(KNOWN).bind(&proposal.id);
    if known.fetch_one(&mut connection.sql).await? {
        return Ok(());
    }
    asks::store(connection, proposal).await
}

async fn join(connection: &mut Connection, id: Uuid, count: u64) -> Result<(), StoreError> {
    let query = "INSERT INTO supervise_joins (proposal_id, joined)
        SELECT p.id, ?2 FROM supervise_proposals p WHERE p.id = ?1
        ON CONFLICT (proposal_id) DO UPDATE SET joined = max(joined, excluded.joined)";
    sqlx::query(query)
        .bind(id.to_string())
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn claim(connection: &mut Connection, id: Uuid) -> Result<(), StoreError> {
    if !is(connection, OPEN, id).await? {
        return Ok(());
    }
    let query = "INSERT INTO supervise_claims (proposal_id, token, claimed_at) VALUES (?, ?, ?)";
    sqlx::query(query)
        .bind(id.to_string())
        .bind(TOKEN)
        .bind(now_timestamp())
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn release(connection: &mut Connection, id: Uuid) -> Result<(), StoreError> {
    let query = "DELETE FROM supervise_claims WHERE proposal_id = ? AND token = ?";
    sqlx::query(query)
        .bind(id.to_string())
        .bind(TOKEN)
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn answer(connection: &mut Connection, given: Given) -> Result<(), StoreError> {
    let Given { answer, refused } = given;
    let Some(id) = crate::row::parse_id(&answer.response.proposal_id) else {
        return Ok(());
    };
    let response = &answer.response;
    if let Some(span) = refused
        && is(connection, ANSWERABLE, id).await?
    {
        refusals::note(connection, response, span).await?;
    }
    sqlx::query(ANSWER)
        .bind(&response.proposal_id)
        .bind(answer.applied.map(|applied| if applied { "yes" } else { "no" }))
        .bind(response.status.name())
        .bind(&response.notes)
        .bind(&response.final_file)
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

/// Forgets ended proposals that the other side has forgotten.
pub(crate) async fn forget(connection: &mut Connection, ids: &[Uuid]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let list = crate::row::id_list(ids);
    connection.begin().await?;
    for statement in [
        "DELETE FROM supervise_proposals WHERE archived <> 0 AND id IN (SELECT value FROM json_each(?))",
        // The last row stays: new ones are found behind its number.
        "DELETE FROM supervise_responses WHERE archived <> 0 AND proposal_id IN (SELECT value FROM json_each(?))
            AND rowid < (SELECT max(rowid) FROM supervise_responses)",
        "DELETE FROM supervise_joins WHERE proposal_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM supervise_outcomes WHERE proposal_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM supervise_timeouts WHERE proposal_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM supervise_withdrawals WHERE proposal_id IN (SELECT value FROM json_each(?))",
    ] {
        let deleted = sqlx::query(statement).bind(&list).execute(&mut connection.sql).await;
        if let Err(error) = deleted {
            connection.rollback().await;
            return Err(error.into());
        }
    }
    connection.commit().await
}
