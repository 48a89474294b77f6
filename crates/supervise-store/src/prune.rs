//! Retention of archived proposals: looked up, planned by a pure rule, then deleted in small steps.

mod plan;

use std::collections::HashSet;
use std::time::Duration as Pause;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::queue::Queue;
use crate::refusals;

pub use plan::{Archive, Archived, PrunePlan, Retention};

/// Looked at in one transaction: while it lasts, no other program's commit can end.
const SURVEYED_AT_ONCE: i64 = 500;
/// A run stops looking there; the next goes on.
const MAX_SURVEYED: usize = 100_000;
/// Between two steps, so that whoever waits for the lock gets it.
const BREATH: Pause = Pause::from_millis(5);

/// What a deletion came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freed {
    /// Proposals that are gone.
    pub proposals: u64,
    /// Their responses.
    pub responses: u64,
    /// Our own rows beside them, and refusals that no longer held.
    pub side_rows: u64,
    /// Proposals that were planned and are left: they are no longer what they were.
    pub left: u64,
}

impl Queue {
    /// Looks up what is archived: delivered, withdrawn, or put aside by another program.
    pub async fn archive_survey(&self) -> Result<Archive, StoreError> {
        let mut archive = Archive {
            refused: self.refused().await?,
            ..Archive::default()
        };
        let mut after = 0;
        loop {
            let page = self
                .db()
                .read(move |connection| Box::pin(archived_after(connection, after)))
                .await?;
            let (last, more) = (page.last, page.looked_at == SURVEYED_AT_ONCE as usize);
            archive.archived.extend(page.archived);
            if !more || archive.archived.len() >= MAX_SURVEYED {
                return Ok(archive);
            }
            after = last;
        }
    }

    async fn refused(&self) -> Result<HashSet<String>, StoreError> {
        let now = OffsetDateTime::now_utc();
        self.db()
            .read(move |connection| Box::pin(refusals::refused_ids(connection, now)))
            .await
    }

    /// Deletes what is planned, with the responses and our own rows, and refusals that no longer hold. What
    /// isn't as it was planned any more is left.
    pub async fn archive_delete(&self, plan: PrunePlan) -> Result<Freed, StoreError> {
        let mut freed = Freed::default();
        for step in plan.steps() {
            freed.add(
                self.db()
                    .write(move |connection| Box::pin(delete(connection, step)))
                    .await?,
            );
            tokio::time::sleep(BREATH).await;
        }
        freed.side_rows += self
            .db()
            .write(|connection| Box::pin(refusals::delete_spent(connection, OffsetDateTime::now_utc())))
            .await?;
        Ok(freed)
    }

    /// Those of `ids` that no proposal of this queue has.
    pub async fn proposals_missing(&self, ids: Vec<String>) -> Result<Vec<String>, StoreError> {
        let query = "SELECT asked.value FROM json_each(?) AS asked
            WHERE NOT EXISTS (SELECT 1 FROM supervise_proposals p WHERE p.id = asked.value)";
        let list = serde_json::json!(ids).to_string();
        self.db()
            .read(move |connection| {
                Box::pin(async move {
                    let missing = sqlx::query_scalar(query).bind(list);
                    Ok(missing.fetch_all(&mut connection.sql).await?)
                })
            })
            .await
    }
}

impl Freed {
    fn add(&mut self, other: Freed) {
        self.proposals += other.proposals;
        self.responses += other.responses;
        self.side_rows += other.side_rows;
        self.left += other.left;
    }
}

/// What may be deleted of `p` by its state. The last response stays: a sidecar finds new ones behind the number of
/// the last row, which would be given out again.
macro_rules! deletable {
    () => {
        "p.archived <> 0 AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id
            AND (r.archived = 0 OR r.rowid = (SELECT max(rowid) FROM supervise_responses)))"
    };
}

struct ArchivePage {
    archived: Vec<Archived>,
    looked_at: usize,
    last: i64,
}

async fn archived_after(connection: &mut Connection, after: i64) -> Result<ArchivePage, StoreError> {
    let query = concat!(
        "SELECT p.rowid, ",
        word!("p.id"),
        ", ",
        word!("p.arrival_timestamp"),
        ", coalesce(octet_length(p.proposed_file) + octet_length(p.justification), 0)",
        " FROM supervise_proposals p WHERE p.rowid > ? AND ",
        deletable!(),
        " ORDER BY p.rowid LIMIT ?"
    );
    let rows = sqlx::query(query)
        .bind(after)
        .bind(SURVEYED_AT_ONCE)
        .fetch_all(&mut connection.sql)
        .await?;
    let last = match rows.last() {
        Some(row) => row.try_get(0)?,
        None => after,
    };
    Ok(ArchivePage {
        archived: rows.iter().filter_map(archived).collect(),
        looked_at: rows.len(),
        last,
    })
}

/// A row whose id or time can't be read is never deleted by us.
fn archived(row: &SqliteRow) -> Option<Archived> {
    Some(Archived {
        row: row.try_get(0).ok()?,
        id: row.try_get::<Option<String>, _>(1).ok()??,
        arrival_timestamp: row.try_get::<Option<String>, _>(2).ok()??,
        bytes: row.try_get::<i64, _>(3).ok()?.unsigned_abs(),
    })
}

/// Looks at each again: what was planned may be gone, and its row's number another's.
async fn delete(connection: &mut Connection, step: Vec<Archived>) -> Result<Freed, StoreError> {
    let still = concat!(
        "SELECT p.rowid, p.id FROM json_each(?) AS planned CROSS JOIN supervise_proposals p",
        " ON p.rowid = planned.value ->> 0 WHERE p.id = planned.value ->> 1",
        " AND p.arrival_timestamp = planned.value ->> 2 AND ",
        deletable!()
    );
    let planned: Vec<_> = step
        .iter()
        .map(|one| (one.row, &one.id, &one.arrival_timestamp))
        .collect();
    let found: Vec<(i64, String)> = sqlx::query_as(still)
        .bind(serde_json::json!(planned).to_string())
        .fetch_all(&mut connection.sql)
        .await?;
    let (rows, ids): (Vec<i64>, Vec<String>) = found.into_iter().unzip();
    let (rows, ids) = (
        serde_json::json!(rows).to_string(),
        serde_json::json!(ids).to_string(),
    );
    let proposals = run(
        connection,
        "DELETE FROM supervise_proposals WHERE rowid IN (SELECT value FROM json_each(?))",
        &rows,
    )
    .await?;
    let responses = run(
        connection,
        "DELETE FROM supervise_responses WHERE archived <> 0 AND proposal_id IN (SELECT value FROM json_each(?))",
        &ids,
    )
    .await?;
    let mut side_rows = 0;
    for statement in [
        "DELETE FROM supervise_joins WHERE proposal_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM supervise_outcomes WHERE proposal_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM supervise_timeouts WHERE proposal_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM supervise_withdrawals WHERE proposal_id IN (SELECT value FROM json_each(?))",
    ] {
        side_rows += run(connection, statement, &ids).await?;
    }
    Ok(Freed {
        proposals,
        responses,
        side_rows,
        left: step.len() as u64 - proposals,
    })
}

async fn run(connection: &mut Connection, statement: &'static str, list: &str) -> Result<u64, StoreError> {
    let done = sqlx::query(statement)
        .bind(list)
        .execute(&mut connection.sql)
        .await?;
    Ok(done.rows_affected())
}
