//! A decision, step by step. Each step is a value that only the step before can make, so none can be left
//! out: lock, claim, intent, (the effect), audit, answer.

mod course;

use supervise_core::{Digest, Proposal, Slug, Status};
use uuid::Uuid;

use self::course::Course;
use crate::asks;
use crate::error::{DecisionError, StoreError};
use crate::host::Host;
use crate::intents::{AuditedAs, Intent};
use crate::lock::BottleLock;
use crate::queue::Queue;
use crate::refusals::Sticky;

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
    /// How long an identical ask counts as refused, if this is a rejection.
    pub sticky: Sticky,
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

/// Step 2 is done: nobody else can decide or withdraw the proposal.
#[derive(Debug)]
pub struct Claimed {
    course: Course,
    proposal: Proposal,
    token: String,
    request: DecisionRequest,
}

/// Step 3 is done: the decision survives a crash. Carry out its effect now, then audit it.
#[derive(Debug)]
pub struct Intended {
    course: Course,
    intent: Intent,
    standing: Standing,
}

/// Whether a decision can still be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The claim is there and the proposal is what was decided on.
    Ours,
    /// The answer is there.
    Answered,
    /// The row is gone, was changed, or somebody removed the claim.
    Lost,
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
    /// Until when an identical ask counts as refused, as [`supervise_core::format_timestamp`] spells it.
    pub refused_until: Option<String>,
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
            _lock: lock,
        };
        Ok(Claimed {
            course,
            proposal,
            token,
            request,
        })
    }
}

impl Claimed {
    /// The proposal as it is stored.
    pub fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// Step 3: writes down the whole decision before anything happens: the audit's `diff`, and the `effect` in
    /// whatever words the caller needs to finish or undo it after a crash.
    pub async fn intend(self, diff: String, effect: Option<String>) -> Result<Intended, DecisionError> {
        let Claimed {
            course,
            proposal,
            token,
            request,
        } = self;
        let intent = Intent {
            token,
            slug: course.queue.slug().clone(),
            digest: request.digest.to_string(),
            status: request.verdict.status(),
            notes: request.notes,
            sticky: match request.verdict {
                Verdict::Reject => request.sticky,
                Verdict::Approve | Verdict::Modify { .. } => Sticky::NONE,
            },
            final_file: request.verdict.final_file(&proposal),
            proposal,
            diff,
            operator: request.operator,
            via: request.via,
            effect,
            audited: None,
        };
        match course.host.intent_insert(intent.clone()).await {
            Ok(()) => Ok(Intended {
                course,
                intent,
                standing: Standing::Ours,
            }),
            Err(error) => {
                // Nothing has happened yet: the proposal goes back to whoever decides next.
                course.queue.claim_release(&intent.token).await?;
                Err(error.into())
            }
        }
    }

    /// Gives the proposal back undecided.
    pub async fn release(self) -> Result<(), StoreError> {
        self.course.queue.claim_release(&self.token).await
    }
}

impl Intended {
    pub(crate) fn found(
        host: &Host,
        queue: &Queue,
        lock: &BottleLock,
        intent: Intent,
        standing: Standing,
    ) -> Self {
        let course = Course {
            host: host.clone(),
            queue: queue.clone(),
            _lock: lock.clone(),
        };
        Intended {
            course,
            intent,
            standing,
        }
    }

    /// The proposal as it was claimed.
    pub fn proposal(&self) -> &Proposal {
        &self.intent.proposal
    }

    /// The decision.
    pub fn status(&self) -> Status {
        self.intent.status
    }

    /// What the bottle is to be given; nothing by a rejection.
    pub fn final_file(&self) -> Option<&str> {
        self.intent.final_file.as_deref()
    }

    /// What was written down as the effect.
    pub fn effect(&self) -> Option<&str> {
        self.intent.effect.as_deref()
    }

    /// Whether it could be answered when that was last looked at. If not, the effect must be undone and the
    /// decision failed.
    pub fn is_answerable(&self) -> bool {
        self.standing == Standing::Ours
    }

    /// Looks again whether it can be answered. Ask right before the audit: an effect takes time, and the bottle's
    /// side can write to its queue meanwhile.
    pub async fn is_still_answerable(&mut self) -> Result<bool, StoreError> {
        self.standing = self.course.queue.standing(&self.intent).await?;
        Ok(self.is_answerable())
    }

    /// Step 5: appends the audit entry. The effect, if there is one, has succeeded.
    pub async fn audit(self, applied: bool) -> Result<Audited, DecisionError> {
        let Intended { course, intent, .. } = self;
        match course.host.intent_audit(&intent, applied).await {
            Ok(audited) => Ok(Audited {
                course,
                intent,
                audited,
            }),
            Err(error) if intent.effect.is_none() => Err(course.take_back(&intent, error).await),
            // The effect stands: the intent is kept, and the next to take the lock comes back to it.
            Err(source) => Err(DecisionError::Unfinished {
                status: intent.status,
                source,
            }),
        }
    }

    /// Instead of step 5: the effect has failed and is rolled back. The audit says why, and the proposal is
    /// pending again. Returns the entry.
    pub async fn fail(self, why: &str) -> Result<i64, DecisionError> {
        let Intended { course, intent, .. } = self;
        let audit_id = course.host.intent_fail(&intent, why).await?;
        #[cfg(feature = "postgres")]
        course.queue.failure_told(&intent, why).await;
        // A claim that stays is released by the next to take the lock.
        let _ = course.queue.claim_release(&intent.token).await;
        course.queue.ring();
        Ok(audit_id)
    }

    /// Instead of step 5: nothing was done, and the proposal is pending again.
    pub async fn undo(self) -> Result<(), DecisionError> {
        let Intended { course, intent, .. } = self;
        course.host.intent_delete(&intent.token).await?;
        let _ = course.queue.claim_release(&intent.token).await;
        course.queue.ring();
        Ok(())
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
        let refused_until = match course.queue.answer(&intent, audited).await {
            Ok(refused_until) => refused_until,
            Err(error) => {
                intent.audited = Some(audited);
                return Err(course.give_up(&intent, audited, error).await);
            }
        };
        course.queue.ring();
        // The decision stands; an intent left behind is cleared by the next to take the lock.
        let _ = course.host.intent_delete(&intent.token).await;
        Ok(Decided {
            id: intent.proposal.id,
            slug: intent.slug,
            status: intent.status,
            applied: audited.applied,
            audit_id: audited.audit_id,
            refused_until,
        })
    }
}
