//! A decision, step by step. Each step is a value that only the step before can make, so none can be left
//! out: lock, claim, intent, (the effect), audit, answer.

use std::sync::Arc;

use supervise_core::{Digest, Proposal, Response, Slug, Status, now_timestamp};
use uuid::Uuid;

use crate::asks;
use crate::connection::Connection;
use crate::error::{DecisionError, StoreError};
use crate::hold::Answer;
use crate::host::Host;
use crate::inbox::{self, State};
use crate::intents::{AuditedAs, Intent};
use crate::lock::BottleLock;
use crate::queue::Queue;

/// What the operator wants, bound to what was on the screen.
#[derive(Debug, Clone)]
pub struct DecisionRequest {
    /// The proposal's full id.
    pub id: String,
    /// The digest of the proposal that was shown.
    pub digest: Digest,
    /// The decision.
    pub verdict: Verdict,
    /// The operator's words to the agent.
    pub notes: String,
    /// Who decides.
    pub operator: String,
    /// With which command.
    pub via: String,
}

/// The decision itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As proposed.
    Approve,
    /// In an edited form.
    Modify {
        /// The edited text.
        final_file: String,
    },
    /// Not at all.
    Reject,
}

impl Verdict {
    /// The status that is recorded.
    pub fn status(&self) -> Status {
        match self {
            Verdict::Approve => Status::Approved,
            Verdict::Modify { .. } => Status::Modified,
            Verdict::Reject => Status::Rejected,
        }
    }

    fn final_file(&self, proposal: &Proposal) -> Option<String> {
        match self {
            Verdict::Approve => Some(proposal.proposed_file.clone()),
            Verdict::Modify { final_file } => Some(final_file.clone()),
            Verdict::Reject => None,
        }
    }
}

/// What every step carries along. The lock is held until the last one.
#[derive(Debug)]
struct Course {
    host: Host,
    queue: Queue,
    lock: BottleLock,
    proposal: Proposal,
}

/// Step 2 is done: nobody else can decide or withdraw the proposal.
#[derive(Debug)]
pub struct Claimed {
    course: Course,
    token: String,
    request: DecisionRequest,
}

/// Step 3 is done: the decision survives a crash. Carry out its effect now, then audit it.
#[derive(Debug)]
pub struct Intended {
    course: Course,
    intent: Intent,
}

/// Step 5 is done: the decision is in the audit log.
#[derive(Debug)]
pub struct Audited {
    course: Course,
    intent: Intent,
    audited: AuditedAs,
}

/// A decision that the agent can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The proposal.
    pub id: String,
    /// Its bottle.
    pub slug: Slug,
    /// The decision.
    pub status: Status,
    /// Whether it took effect.
    pub applied: bool,
    /// Its audit entry.
    pub audit_id: i64,
}

impl Host {
    /// Step 2: claims the proposal, if it is still pending and still what was shown.
    pub async fn decision_claim(
        &self,
        lock: BottleLock,
        queue: &Queue,
        request: DecisionRequest,
    ) -> Result<Claimed, DecisionError> {
        if lock.slug() != queue.slug() {
            return Err(DecisionError::NoSuch);
        }
        // What no caller could read back is refused before anything is written.
        asks::check_length("the operator's notes", &request.notes)?;
        if let Verdict::Modify { final_file } = &request.verdict {
            asks::check_length("the final file", final_file)?;
        }
        let token = Uuid::new_v4().to_string();
        let proposal = queue.claim(&request, &token).await?;
        let course = Course {
            host: self.clone(),
            queue: queue.clone(),
            lock,
            proposal,
        };
        Ok(Claimed {
            course,
            token,
            request,
        })
    }
}

impl Claimed {
    /// The proposal as it is stored.
    pub fn proposal(&self) -> &Proposal {
        &self.course.proposal
    }

    /// Step 3: writes down the whole decision, with the audit's `diff`, before anything happens.
    pub async fn intend(self, diff: String) -> Result<Intended, DecisionError> {
        let Claimed {
            course,
            token,
            request,
        } = self;
        let intent = Intent {
            token,
            slug: course.lock.slug().clone(),
            proposal_id: request.id,
            digest: request.digest.to_string(),
            status: request.verdict.status(),
            notes: request.notes,
            final_file: request.verdict.final_file(&course.proposal),
            diff,
            operator: request.operator,
            via: request.via,
            audited: None,
        };
        if let Err(error) = course.host.intent_insert(intent.clone()).await {
            // Nothing has happened yet: the proposal goes back to whoever decides next.
            course.queue.claim_release(&intent.token).await?;
            return Err(error.into());
        }
        Ok(Intended { course, intent })
    }
}

impl Intended {
    /// Step 5: appends the audit entry.
    pub async fn audit(self, applied: bool) -> Result<Audited, DecisionError> {
        let Intended { course, intent } = self;
        match course.host.intent_audit(&intent, &course.proposal, applied).await {
            Ok(audited) => Ok(Audited {
                course,
                intent,
                audited,
            }),
            Err(error) => Err(course.take_back(&intent, error).await),
        }
    }
}

impl Course {
    /// No answer without its audit entry: the decision is taken back. Where even that fails, the intent is
    /// still there, and the next to take the lock carries it out.
    async fn take_back(&self, intent: &Intent, error: StoreError) -> DecisionError {
        if self.host.intent_delete(&intent.token).await.is_err() {
            return DecisionError::Unfinished {
                status: intent.status,
                source: error,
            };
        }
        // A claim that stays is released by the next to take the lock.
        let _ = self.queue.claim_release(&intent.token).await;
        error.into()
    }

    /// The answer was refused, which no later try will change; or it failed, and will be finished later.
    async fn give_up(&self, intent: &Intent, error: StoreError) -> DecisionError {
        if !error.spares_transaction() {
            return DecisionError::Unfinished {
                status: intent.status,
                source: error,
            };
        }
        match self.host.intent_fail(intent, &error.to_string()).await {
            Ok(()) => error.into(),
            Err(source) => DecisionError::Unfinished {
                status: intent.status,
                source,
            },
        }
    }
}

impl Audited {
    /// Step 6: answers, and rings the doorbell.
    pub async fn answer(self) -> Result<Decided, DecisionError> {
        let Audited {
            course,
            mut intent,
            audited,
        } = self;
        if let Err(error) = course.queue.answer(&intent, audited).await {
            intent.audited = Some(audited);
            return Err(course.give_up(&intent, error).await);
        }
        course.queue.ring();
        // The decision stands; an intent left behind is cleared by the next to take the lock.
        let _ = course.host.intent_delete(&intent.token).await;
        Ok(Decided {
            id: intent.proposal_id,
            slug: intent.slug,
            status: intent.status,
            applied: audited.applied,
            audit_id: audited.audit_id,
        })
    }
}

impl Queue {
    /// One transaction: still pending, digest as shown, the claim.
    async fn claim(&self, request: &DecisionRequest, token: &str) -> Result<Proposal, DecisionError> {
        let (slug, id, digest) = (self.slug().clone(), request.id.clone(), request.digest);
        let token = token.to_owned();
        self.db()
            .write(move |connection| Box::pin(claim(connection, slug, id, digest, token)))
            .await?
    }

    pub(crate) async fn claim_release(&self, token: &str) -> Result<(), StoreError> {
        let token = token.to_owned();
        let query = "DELETE FROM supervise_claims WHERE token = ?";
        self.db()
            .write(move |connection| {
                Box::pin(async move {
                    sqlx::query(query)
                        .bind(token)
                        .execute(&mut connection.sql)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// One transaction: the claim goes, the response and its outcome come.
    pub(crate) async fn answer(&self, intent: &Intent, audited: AuditedAs) -> Result<(), StoreError> {
        let (intent, queue) = (intent.clone(), self.clone());
        let given = Arc::new(intent.answer(audited));
        // Our own commits don't move the data version: callers held through this very handle are told here.
        let then = move |_: &()| queue.holds().decided(&given);
        self.db()
            .write_then(
                move |connection| Box::pin(answer(connection, intent, audited)),
                then,
            )
            .await
    }
}

impl Intent {
    fn answer(&self, audited: AuditedAs) -> Answer {
        let response = Response {
            proposal_id: self.proposal_id.clone(),
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
    let Some(found) = inbox::find(connection, slug, id.clone())
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

async fn answer(connection: &mut Connection, intent: Intent, audited: AuditedAs) -> Result<(), StoreError> {
    let release = "DELETE FROM supervise_claims WHERE token = ?";
    sqlx::query(release)
        .bind(&intent.token)
        .execute(&mut connection.sql)
        .await?;
    let outcome = "INSERT OR REPLACE INTO supervise_outcomes (proposal_id, applied) VALUES (?, ?)";
    let applied = if audited.applied { "yes" } else { "no" };
    sqlx::query(outcome)
        .bind(&intent.proposal_id)
        .bind(applied)
        .execute(&mut connection.sql)
        .await?;
    let respond =
        "INSERT INTO supervise_responses (proposal_id, status, notes, final_file) VALUES (?1, ?2, ?3, ?4)
        RETURNING proposal_id = ?1 AND status = ?2 AND notes = ?3 AND final_file IS ?4 AND archived = 0";
    let same: bool = sqlx::query_scalar(respond)
        .bind(intent.proposal_id)
        .bind(intent.status.name())
        .bind(intent.notes)
        .bind(intent.final_file)
        .fetch_one(&mut connection.sql)
        .await?;
    if same {
        Ok(())
    } else {
        Err(StoreError::Altered("the response"))
    }
}
