//! Deciding with SQL alone, as programs do that know nothing of ours: no claim, no audit, no doorbell.

use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::clock::{self, Pauses};
use crate::{Bench, Error};

/// A writer that is crowded out by hundreds of readers still gets its turn.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOK_FOR: Duration = Duration::from_secs(20);

/// A connection, and the pauses before its decisions.
pub(crate) struct Plain {
    sql: SqliteConnection,
    pauses: Pauses,
}

/// Opens the queue. Some servers make its tables only for their first proposal, so this waits for them.
pub(crate) async fn open(bench: &Bench) -> Result<Plain, Error> {
    let give_up = Instant::now() + LOOK_FOR;
    loop {
        match connect(bench).await {
            Ok(sql) => {
                let pauses = Pauses::new();
                return Ok(Plain { sql, pauses });
            }
            Err(error) if Instant::now() >= give_up => return Err(error.into()),
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

async fn connect(bench: &Bench) -> sqlx::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(bench.root.queue_db(&bench.slug))
        .busy_timeout(BUSY_TIMEOUT);
    let mut sql = SqliteConnection::connect_with(&options).await?;
    let both =
        "SELECT (SELECT count(*) FROM supervise_proposals) + (SELECT count(*) FROM supervise_responses)";
    sqlx::query(both).execute(&mut sql).await?;
    Ok(sql)
}

/// How many are pending.
pub(crate) async fn count(plain: &mut Plain) -> Result<i64, Error> {
    let query = "SELECT count(*) FROM supervise_proposals p WHERE p.archived = 0 AND NOT EXISTS
        (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id AND r.archived = 0)";
    Ok(sqlx::query_scalar(query).fetch_one(&mut plain.sql).await?)
}

/// How many were ever stored.
pub(crate) async fn rows(plain: &mut Plain) -> Result<i64, Error> {
    let query = "SELECT count(*) FROM supervise_proposals";
    Ok(sqlx::query_scalar(query).fetch_one(&mut plain.sql).await?)
}

/// Approves everything in one transaction; says when it was committed and how many there were.
pub(crate) async fn decide_all(plain: &mut Plain) -> Result<String, Error> {
    let statement = "INSERT INTO supervise_responses (proposal_id, status, notes, final_file, archived)
        SELECT p.id, 'approved', '', p.proposed_file, 0 FROM supervise_proposals p WHERE p.archived = 0
        AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id)";
    let done = sqlx::query(statement).execute(&mut plain.sql).await?;
    Ok(format!("{} {}", clock::now(), done.rows_affected()))
}

/// Waits for a proposal, pauses, approves it by one statement; says when that was committed.
pub(crate) async fn decide_next(plain: &mut Plain) -> Result<String, Error> {
    let id = wait_for_next(plain).await?;
    let statement =
        "INSERT OR REPLACE INTO supervise_responses (proposal_id, status, notes, final_file, archived)
        SELECT id, 'approved', '', proposed_file, 0 FROM supervise_proposals WHERE id = ?";
    sqlx::query(statement).bind(id).execute(&mut plain.sql).await?;
    Ok(clock::now().to_string())
}

/// The id of the oldest pending proposal, some time after it arrived.
pub(crate) async fn wait_for_next(plain: &mut Plain) -> Result<String, Error> {
    let query = "SELECT p.id FROM supervise_proposals p WHERE p.archived = 0 AND NOT EXISTS
        (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id) ORDER BY p.arrival_timestamp LIMIT 1";
    let give_up = Instant::now() + LOOK_FOR;
    while Instant::now() < give_up {
        let found: Option<String> = sqlx::query_scalar(query).fetch_optional(&mut plain.sql).await?;
        if let Some(id) = found {
            plain.pauses.pause().await;
            return Ok(id);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err("no proposal arrived".into())
}
