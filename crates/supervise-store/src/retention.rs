//! What is deleted, and when: so far only proposals that were withdrawn an hour ago.

use supervise_core::format_timestamp;
use time::{Duration, OffsetDateTime};

use crate::connection::Connection;
use crate::error::StoreError;
use crate::queue::Queue;

const WITHDRAWN_FOR: Duration = Duration::HOUR;

/// Proposals withdrawn before this moment may go.
fn withdrawn_before(now: OffsetDateTime) -> String {
    format_timestamp(now.saturating_sub(WITHDRAWN_FOR))
}

impl Queue {
    pub(crate) async fn delete_old_withdrawals(&self) -> Result<(), StoreError> {
        let before = withdrawn_before(OffsetDateTime::now_utc());
        let query = "SELECT count(*) FROM supervise_withdrawals WHERE withdrawn_at < ?";
        let due = before.clone();
        let count: i64 = self
            .db()
            .read(move |connection| {
                Box::pin(async move {
                    Ok(sqlx::query_scalar(query)
                        .bind(due)
                        .fetch_one(&mut connection.sql)
                        .await?)
                })
            })
            .await?;
        if count == 0 {
            return Ok(());
        }
        self.db()
            .write(move |connection| Box::pin(async move { delete_withdrawn(connection, before).await }))
            .await
    }
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
