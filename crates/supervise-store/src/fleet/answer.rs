//! The answer: with its audit entry and its line of the chain in one transaction, under the claim.

use std::sync::Arc;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use supervise_core::{Slug, Status};
use uuid::Uuid;

use super::audit::{Record, append};
use super::link::transaction;
use super::operator::OperatorLine;
use super::row::{given, given_columns};
use super::trouble::{CLAIM_LOST, Failure};
use crate::error::StoreError;
use crate::line::{Claiming, Given};

/// Each try is on a new connection, with the claim taken anew.
const TRIES: u32 = 5;

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answering {
    /// It stands, with that entry of the bottle's audit log.
    Answered { audit_id: i64 },
    /// Somebody else's stands.
    Already(Status),
    /// The claim was lost with its connection, and can't be had again for this reason. Nothing was written.
    Lost(Claiming),
}

/// What is written down at once.
#[derive(Debug)]
struct Decision {
    slug: Slug,
    given: Given,
    record: Record,
}

impl OperatorLine {
    /// Answers a claimed proposal; `record` is its audit entry. A claim that was lost with its connection is taken
    /// anew if the proposal is still pending and the same. In any case the claim is gone afterwards, but for an
    /// error: then nothing is known, and the same may be asked again.
    pub(crate) async fn answer(
        &mut self,
        slug: &Slug,
        given: &Given,
        record: &Record,
    ) -> Result<Answering, StoreError> {
        let id = Uuid::parse_str(&given.answer.response.proposal_id)
            .map_err(|_| StoreError::Altered("the proposal's id"))?;
        let decision = Arc::new(Decision {
            slug: slug.clone(),
            given: given.clone(),
            record: record.clone(),
        });
        let mut last = StoreError::Denied("the claim was lost".into());
        for _ in 0..TRIES {
            if let Some(lost) = self.claim_again(id).await? {
                self.claims.remove(&id);
                return self.settled(&decision, id, lost).await;
            }
            let ours = Arc::clone(&decision);
            let done = self
                .link
                .once(move |connection| Box::pin(record_all(connection, ours)))
                .await;
            match done {
                Ok(audit_id) => {
                    // The answer stands, whatever becomes of its claim.
                    let _ = self.release(id).await;
                    return Ok(Answering::Answered { audit_id });
                }
                Err(failure) if failure.code().as_deref() == Some(CLAIM_LOST) => {
                    if let Some(claim) = self.claims.get_mut(&id) {
                        claim.generation = 0;
                    }
                    last = failure.store_error();
                }
                Err(failure) if failure.is_lost() || failure.is_passing() => last = failure.store_error(),
                Err(failure) => return Err(failure.store_error()),
            }
        }
        Err(last)
    }

    /// `None`: the claim is this connection's.
    async fn claim_again(&mut self, id: Uuid) -> Result<Option<Claiming>, StoreError> {
        if self.has_claimed(id) {
            return Ok(None);
        }
        let Some(claim) = self.claims.get(&id).cloned() else {
            return Err(StoreError::Denied("the proposal isn't claimed".into()));
        };
        match self.claim(&claim.slug, id, claim.digest).await? {
            Claiming::Claimed => Ok(None),
            other => Ok(Some(other)),
        }
    }

    /// Whether what stands is what was to be written: then it was written before the connection was lost.
    async fn settled(
        &mut self,
        decision: &Arc<Decision>,
        id: Uuid,
        lost: Claiming,
    ) -> Result<Answering, StoreError> {
        let Claiming::Already(status) = lost else {
            return Ok(Answering::Lost(lost));
        };
        let ours = self
            .link
            .run(|connection| Box::pin(written(connection, Arc::clone(decision), id)))
            .await?;
        Ok(match ours {
            Some(audit_id) => Answering::Answered { audit_id },
            None => Answering::Already(status),
        })
    }
}

async fn record_all(connection: &mut PgConnection, decision: Arc<Decision>) -> Result<i64, Failure> {
    transaction(connection, move |connection| {
        Box::pin(async move {
            let audit_id = append(&mut *connection, &decision.slug, &decision.record).await?;
            let Given { answer, refused } = &decision.given;
            let (from, until) = refused.clone().unzip();
            sqlx::query("SELECT supervise.answer($1, $2, $3, $4, $5, $6, $7, $8, $9)")
                .bind(decision.slug.as_str())
                .bind(&answer.response.proposal_id)
                .bind(answer.response.status.name())
                .bind(answer.response.notes.as_bytes())
                .bind(answer.response.final_file.as_ref().map(String::as_bytes))
                .bind(answer.applied)
                .bind(from)
                .bind(until)
                .bind(audit_id)
                .execute(connection)
                .await?;
            Ok(audit_id)
        })
    })
    .await
}

async fn written(
    connection: &mut PgConnection,
    decision: Arc<Decision>,
    id: Uuid,
) -> Result<Option<i64>, Failure> {
    let query = concat!(
        "SELECT ",
        given_columns!(),
        ", r.audit_id, e.timestamp, e.operator, e.via, e.digest FROM supervise.responses r",
        " JOIN supervise.audit_entries e ON e.bottle_slug = r.bottle_slug AND e.id = r.audit_id",
        " WHERE r.bottle_slug = $1 AND r.proposal_id = $2"
    );
    let row = sqlx::query(query)
        .bind(decision.slug.as_str())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (entry, origin) = (&decision.record.entry, &decision.record.origin);
    let word = |at: usize| row.try_get::<Option<String>, _>(at).ok().flatten();
    let same = given(&row, 0).as_ref() == Some(&decision.given)
        && word(8).as_ref() == Some(&entry.timestamp)
        && word(9) == origin.operator
        && word(10) == origin.via
        && word(11) == origin.digest;
    Ok(if same { Some(row.try_get(7)?) } else { None })
}
