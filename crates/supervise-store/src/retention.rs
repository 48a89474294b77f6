//! What is deleted without being asked for: proposals that were withdrawn an hour ago, refusals that have expired.

use supervise_core::format_timestamp;
use time::{Duration, OffsetDateTime};

use crate::connection::Connection;
use crate::error::StoreError;
use crate::queue::Queue;
use crate::refusals;

const WITHDRAWN_FOR: Duration = Duration::HOUR;

/// Proposals withdrawn before this moment may go.
fn withdrawn_before(now: OffsetDateTime) -> String {
    format_timestamp(now.saturating_sub(WITHDRAWN_FOR))
}

impl Queue {
    /// Deletes what has had its time: old withdrawals and refusals that no longer hold.
    pub(crate) async fn delete_spent(&self) -> Result<(), StoreError> {
        let now = OffsetDateTime::now_utc();
        let due = self
            .db()
            .read(move |connection| Box::pin(is_due(connection, now)))
            .await?;
        if !due {
            return Ok(());
        }
        self.db()
            .write(move |connection| {
                Box::pin(async move {
                    refusals::delete_spent(connection, now).await?;
                    delete_withdrawn(connection, withdrawn_before(now)).await
                })
            })
            .await
    }
}

async fn is_due(connection: &mut Connection, now: OffsetDateTime) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT 1 FROM supervise_withdrawals WHERE withdrawn_at < ?)";
    let withdrawals: bool = sqlx::query_scalar(query)
        .bind(withdrawn_before(now))
        .fetch_one(&mut connection.sql)
        .await?;
    Ok(withdrawals || refusals::any_spent(connection, now).await?)
}

/// Deletes by one's own record of the withdrawal; a proposal that isn't archived is kept by its trigger.
pub(crate) async fn delete_old(connection: &mut Connection) -> Result<(), StoreError> {
    delete_withdrawn(connection, withdrawn_before(OffsetDateTime::now_utc())).await
}

async fn delete_withdrawn(connection: &mut Connection, before: String) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM supervise_proposals WHERE archived = 1 AND id IN (SELECT proposal_id FROM supervise_withdrawals WHERE withdrawn_at < ?1) AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = supervise_proposals.id)",
        "DELETE FROM supervise_joins WHERE proposal_id IN (SELECT proposal_id FROM supervise_withdrawals WHERE withdrawn_at < ?1)",
        "DELETE FROM supervise_timeouts WHERE proposal_id IN (SELECT proposal_id FROM supervise_withdrawals WHERE withdrawn_at < ?1)",
        "DELETE FROM supervise_withdrawals WHERE withdrawn_at < ?1",
    ] {
        sqlx::query(statement)
            .bind(&before)
            .execute(&mut connection.sql)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_hour_is_an_hour() {
        assert_eq!(
            withdrawn_before(datetime!(2026-11-20 01:30 UTC)),
            "2026-11-20T00:30:00.000000+00:00"
        );
    }
}
