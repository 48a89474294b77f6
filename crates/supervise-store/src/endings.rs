//! How proposals end for their agent: taken back, or archived once their decision has arrived.

use std::sync::Arc;

use supervise_core::{Tool, now_timestamp};
use uuid::Uuid;

use crate::asks::{Seen, see};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::hold::{Archiving, Delivery, End, Taken};
use crate::line::{Note, Withdrawing};
use crate::queue::Queue;
use crate::retention;
use crate::row::{self, parse_id};

/// What became of a withdrawal.
#[derive(Debug)]
pub enum Withdrawal {
    /// Taken back, now or before.
    Withdrawn,
    /// Too late: an operator's decision is being carried out.
    BeingDecided,
    /// Too late: this is the decision.
    Decided(Delivery),
    /// No such proposal here.
    Unknown,
}

impl Queue {
    /// Takes a proposal of an agent's tool back, unless its decision has begun. Ends every hold on it.
    pub async fn proposal_withdraw(&self, id: &str) -> Result<Withdrawal, StoreError> {
        let Some(id) = parse_id(id) else {
            return Ok(Withdrawal::Unknown);
        };
        let (queue, told) = (self.clone(), self.clone());
        let then = move |done: &Withdrawal| {
            if matches!(done, Withdrawal::Withdrawn) {
                told.end_withdrawn(id);
            }
        };
        self.db()
            .write_then(move |connection| Box::pin(withdraw(connection, queue, id)), then)
            .await
    }

    /// Withdraws a proposal that only its opener knows of.
    pub(crate) fn withdraw_unshared(&self, id: Uuid) {
        let (queue, told) = (self.clone(), self.clone());
        let then = move |withdrawn: &bool| {
            if *withdrawn {
                told.end_withdrawn(id);
            }
        };
        self.db().write_later(
            move |connection| Box::pin(withdraw_unshared(connection, queue, id)),
            then,
        );
    }

    /// Writes down that a pending proposal's last caller has gone without a decision. Only the first time
    /// counts: an agent that asks again and again is no news.
    pub(crate) fn time_out_later(&self, id: Uuid) {
        let queue = self.clone();
        self.db().write_later(
            move |connection| {
                Box::pin(async move {
                    time_out(connection, id).await?;
                    connection.tell(|| Note::TimedOut(id));
                    Ok(())
                })
            },
            move |()| queue.ring(),
        );
    }

    fn end_withdrawn(&self, id: Uuid) {
        self.holds().end(id, &End::Withdrawn);
        self.holds().forget(id);
        self.ring();
    }

    /// Archives a delivered proposal; `taken` keeps its decision from others until that is done. Deliveries
    /// that come close together share one job.
    pub(crate) fn archive_later(&self, id: Uuid, taken: Taken) {
        if !self.holds().delivered(id, taken) {
            return;
        }
        let (archiving, holds) = (Archiving::new(self.holds()), Arc::clone(self.holds()));
        self.db().write_later(
            move |connection| {
                Box::pin(async move {
                    let ids = archiving.begin();
                    archive_decided(connection, &ids).await?;
                    ids.iter().for_each(|id| connection.tell(|| Note::Delivered(*id)));
                    Ok(ids)
                })
            },
            move |ids: &Vec<Uuid>| holds.archived(ids),
        );
    }
}

async fn withdraw(connection: &mut Connection, queue: Queue, id: Uuid) -> Result<Withdrawal, StoreError> {
    Ok(match see(connection, &queue, id, Tool::is_agents).await? {
        Seen::Pending => match connection.withdraw_told(id).await? {
            Withdrawing::Withdrawn => {
                archive_withdrawn(connection, id).await?;
                Withdrawal::Withdrawn
            }
            // Its decision has come, or will, and is noted with the next look.
            Withdrawing::BeingDecided | Withdrawing::Decided => Withdrawal::BeingDecided,
        },
        Seen::Claimed => Withdrawal::BeingDecided,
        Seen::Decided(answer) => Withdrawal::Decided(Delivery::new(&queue, id, answer)),
        Seen::Withdrawn => Withdrawal::Withdrawn,
        Seen::Unknown => Withdrawal::Unknown,
    })
}

async fn withdraw_unshared(connection: &mut Connection, queue: Queue, id: Uuid) -> Result<bool, StoreError> {
    let shared = queue.holds().is_told(id) || joined(connection, id).await?;
    if shared || !matches!(see(connection, &queue, id, Tool::is_agents).await?, Seen::Pending) {
        return Ok(false);
    }
    if connection.withdraw_told(id).await? != Withdrawing::Withdrawn {
        return Ok(false);
    }
    archive_withdrawn(connection, id).await?;
    Ok(true)
}

pub(crate) async fn time_out(connection: &mut Connection, id: Uuid) -> Result<(), StoreError> {
    let query = "INSERT INTO supervise_timeouts (proposal_id, timed_out_at)
        SELECT p.id, ?2 FROM supervise_proposals p WHERE p.id = ?1 AND p.archived = 0
        ON CONFLICT (proposal_id) DO NOTHING";
    sqlx::query(query)
        .bind(id.to_string())
        .bind(now_timestamp())
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn joined(connection: &mut Connection, id: Uuid) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT 1 FROM supervise_joins WHERE proposal_id = ?)";
    Ok(sqlx::query_scalar(query)
        .bind(id.to_string())
        .fetch_one(&mut connection.sql)
        .await?)
}

/// One whose decision is gone again is left alone: it is another proposal, which a daemon has sent under the id of
/// one that was cleaned up.
pub(crate) async fn archive_decided(connection: &mut Connection, ids: &[Uuid]) -> Result<(), StoreError> {
    let list = row::id_list(ids);
    for statement in [
        "UPDATE supervise_proposals SET archived = 1
            WHERE archived = 0 AND id IN (SELECT value FROM json_each(?))
            AND EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = supervise_proposals.id)",
        "UPDATE supervise_responses SET archived = 1
            WHERE archived = 0 AND proposal_id IN (SELECT value FROM json_each(?))",
    ] {
        sqlx::query(statement)
            .bind(&list)
            .execute(&mut connection.sql)
            .await?;
    }
    Ok(())
}

pub(crate) async fn archive_withdrawn(connection: &mut Connection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query("UPDATE supervise_proposals SET archived = 1 WHERE archived = 0 AND id = ?")
        .bind(id.to_string())
        .execute(&mut connection.sql)
        .await?;
    let query = "INSERT OR IGNORE INTO supervise_withdrawals (proposal_id, withdrawn_at) VALUES (?, ?)";
    sqlx::query(query)
        .bind(id.to_string())
        .bind(now_timestamp())
        .execute(&mut connection.sql)
        .await?;
    retention::delete_old(connection).await
}
