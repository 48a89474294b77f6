//! A decision's two transactions in the queue: the claim that begins it, and the answer that ends it.

use std::sync::Arc;

#[cfg(feature = "postgres")]
use supervise_core::SafeLine;
use supervise_core::{Digest, Proposal, Response, Slug, now_timestamp};
#[cfg(feature = "postgres")]
use uuid::Uuid;

use crate::connection::Connection;
use crate::decisions::DecisionRequest;
use crate::error::{DecisionError, StoreError};
use crate::found::{self, State};
use crate::hold::Answer;
use crate::intents::{AuditedAs, Intent};
#[cfg(feature = "postgres")]
use crate::line::Line;
use crate::line::{Claiming, Given, Note};
use crate::queue::Queue;
use crate::refusals;
use crate::row::parse_id;

impl Queue {
    /// One transaction: still pending, digest as shown, the claim.
    pub(crate) async fn claim(
        &self,
        request: &DecisionRequest,
        token: &str,
    ) -> Result<Proposal, DecisionError> {
        let (slug, id, digest) = (self.slug().clone(), request.id.clone(), request.digest);
        let token = token.to_owned();
        self.db()
            .write(move |connection| Box::pin(claim(connection, slug, id, digest, token)))
            .await?
    }

    /// Where the queue's other side keeps a log of its own, it has the failure too. The host's entry stands without it.
    #[cfg(feature = "postgres")]
    pub(crate) async fn failure_told(&self, intent: &Intent, why: &str) {
        let record = crate::fleet::Record {
            entry: intent.failure_entry(why),
            origin: intent.origin(),
        };
        let told = self
            .db()
            .read(move |connection| Box::pin(async move { connection.audit_told(&record).await }))
            .await;
        if let Err(error) = told {
            tracing::warn!(error = %SafeLine::new(&error.to_string()), "the fleet's log has no entry of a failure");
        }
    }

    /// Claims for an intent whose claim went with its connection; nothing where claims don't.
    #[cfg(feature = "postgres")]
    pub(crate) async fn claim_anew(&self, intent: &Intent) -> Result<Option<Claiming>, StoreError> {
        let (id, digest) = (parse_id(intent.id()), Digest::from_hex(&intent.digest));
        let (Some(id), Some(digest)) = (id, digest) else {
            return Ok(None);
        };
        let is_fleet = |connection: &Connection| matches!(connection.line, Some(Line::OperatorFleet(_)));
        let fleet = self
            .db()
            .read(move |connection| Box::pin(async move { Ok(is_fleet(connection)) }));
        if !fleet.await? {
            return Ok(None);
        }
        let token = intent.token.clone();
        self.db()
            .write(move |connection| Box::pin(claim_anew(connection, id, digest, token)))
            .await
    }

    pub(crate) async fn claim_release(&self, token: &str) -> Result<(), StoreError> {
        let token = token.to_owned();
        self.db()
            .write(move |connection| Box::pin(release(connection, token)))
            .await
    }

    /// One transaction: the claim goes, the response and its outcome come, and with a rejection its refusal. Says
    /// until when that sticks.
    pub(crate) async fn answer(
        &self,
        intent: &Intent,
        audited: AuditedAs,
    ) -> Result<Option<String>, StoreError> {
        let (intent, queue) = (intent.clone(), self.clone());
        let given = Arc::new(intent.answer(audited));
        // Our own commits don't move the data version: callers held through this very handle are told here.
        let then = move |_: &Option<String>| queue.holds().decided(&given);
        self.db()
            .write_then(
                move |connection| Box::pin(answer(connection, intent, audited)),
                then,
            )
            .await
    }
}

impl Intent {
    #[cfg(feature = "postgres")]
    fn record(&self) -> crate::fleet::Record {
        crate::fleet::Record {
            entry: self.decision_entry(),
            origin: self.origin(),
        }
    }

    fn answer(&self, audited: AuditedAs) -> Answer {
        let response = Response {
            proposal_id: self.proposal.id.clone(),
            status: self.status,
            notes: self.notes.clone(),
            final_file: self.final_file.clone(),
        };
        Answer {
            response,
            applied: Some(audited.applied),
        }
    }
}

async fn claim(
    connection: &mut Connection,
    slug: Slug,
    id: String,
    digest: Digest,
    token: String,
) -> Result<Result<Proposal, DecisionError>, StoreError> {
    let Some(found) = found::find(connection, slug, id.clone())
        .await?
        .into_iter()
        .find(|f| f.id() == id)
    else {
        return Ok(Err(DecisionError::NoSuch));
    };
    let proposal = found.listed.proposal;
    match found.state {
        State::Decided(answer) => return Ok(Err(DecisionError::Already(answer.response.status))),
        State::Withdrawn => return Ok(Err(DecisionError::Withdrawn)),
        State::Unreadable => return Ok(Err(DecisionError::Unreadable)),
        State::BeingDecided => return Ok(Err(DecisionError::BeingDecided)),
        State::Pending if proposal.digest() != digest => {
            return Ok(Err(DecisionError::Changed {
                found: Box::new(proposal),
            }));
        }
        State::Pending => {}
    }
    let Some(told) = parse_id(&id) else {
        return Ok(Err(DecisionError::NoSuch));
    };
    match connection.claim_told(told, digest).await? {
        Claiming::Claimed => {}
        Claiming::Withdrawn => return Ok(Err(DecisionError::Withdrawn)),
        Claiming::BeingDecided => return Ok(Err(DecisionError::BeingDecided)),
        Claiming::Already(status) => return Ok(Err(DecisionError::Already(status))),
        Claiming::Changed(found) => return Ok(Err(DecisionError::Changed { found })),
        Claiming::NoSuch => return Ok(Err(DecisionError::NoSuch)),
    }
    let query = "INSERT INTO supervise_claims (proposal_id, token, claimed_at) VALUES (?1, ?2, ?3)
        RETURNING proposal_id = ?1 AND token = ?2";
    let same: bool = sqlx::query_scalar(query)
        .bind(id)
        .bind(token)
        .bind(now_timestamp())
        .fetch_one(&mut connection.sql)
        .await?;
    if same {
        Ok(Ok(proposal))
    } else {
        Err(StoreError::Altered("the claim"))
    }
}

#[cfg(feature = "postgres")]
async fn claim_anew(
    connection: &mut Connection,
    id: Uuid,
    digest: Digest,
    token: String,
) -> Result<Option<Claiming>, StoreError> {
    let claimed = connection.claim_told(id, digest).await?;
    if claimed == Claiming::Claimed {
        // The claim that was seen before is the one that is gone.
        sqlx::query("DELETE FROM supervise_claims WHERE proposal_id = ?")
            .bind(id.to_string())
            .execute(&mut connection.sql)
            .await?;
        sqlx::query("INSERT INTO supervise_claims (proposal_id, token, claimed_at) VALUES (?, ?, ?)")
            .bind(id.to_string())
            .bind(&token)
            .bind(now_timestamp())
            .execute(&mut connection.sql)
            .await?;
    }
    Ok(Some(claimed))
}

async fn release(connection: &mut Connection, token: String) -> Result<(), StoreError> {
    let query = concat!(
        "DELETE FROM supervise_claims WHERE token = ? RETURNING ",
        word!("proposal_id")
    );
    let released: Vec<Option<String>> = sqlx::query_scalar(query)
        .bind(token)
        .fetch_all(&mut connection.sql)
        .await?;
    for id in released.iter().flatten().filter_map(|id| parse_id(id)) {
        connection.tell(|| Note::Released(id));
    }
    Ok(())
}

async fn answer(
    connection: &mut Connection,
    intent: Intent,
    audited: AuditedAs,
) -> Result<Option<String>, StoreError> {
    respond(connection, &intent, audited).await?;
    let answer = intent.answer(audited);
    let refused = refusals::record(connection, &intent.proposal, &answer.response, intent.sticky).await?;
    let until = refused.as_ref().map(|(_, until)| until.clone());
    #[cfg(feature = "postgres")]
    if let Some(id) = parse_id(intent.id()) {
        connection.entrust(id, || intent.record());
    }
    connection.tell(|| Note::Answered(Box::new(Given { answer, refused })));
    Ok(until)
}

async fn respond(connection: &mut Connection, intent: &Intent, audited: AuditedAs) -> Result<(), StoreError> {
    let release = "DELETE FROM supervise_claims WHERE token = ?";
    sqlx::query(release)
        .bind(&intent.token)
        .execute(&mut connection.sql)
        .await?;
    let outcome = "INSERT OR REPLACE INTO supervise_outcomes (proposal_id, applied) VALUES (?, ?)";
    let applied = if audited.applied { "yes" } else { "no" };
    sqlx::query(outcome)
        .bind(&intent.proposal.id)
        .bind(applied)
        .execute(&mut connection.sql)
        .await?;
    let respond =
        "INSERT INTO supervise_responses (proposal_id, status, notes, final_file) VALUES (?1, ?2, ?3, ?4)
        RETURNING proposal_id = ?1 AND status = ?2 AND notes = ?3 AND final_file IS ?4 AND archived = 0";
    let same: bool = sqlx::query_scalar(respond)
        .bind(&intent.proposal.id)
        .bind(intent.status.name())
        .bind(&intent.notes)
        .bind(&intent.final_file)
        .fetch_one(&mut connection.sql)
        .await?;
    if same {
        Ok(())
    } else {
        Err(StoreError::Altered("the response"))
    }
}
