//! Finishing or undoing what a crash left: done by whoever gets the bottle's lock next, so nobody can be
//! at work on it.
//!
//! Before its audit entry a decision can still go either way; behind it the operator's word stands and
//! only the answer is missing.

#[cfg(feature = "postgres")]
use std::time::Duration;

use supervise_core::{Digest, Status, is_proposal_id};
#[cfg(feature = "postgres")]
use tokio::time::{Instant, sleep};

use crate::connection::Connection;
use crate::decisions::{Intended, Standing};
use crate::edits::IntendedEdit;
use crate::error::{DecisionError, StoreError};
use crate::found::{self, Found, State};
use crate::host::Host;
use crate::intents::Intent;
#[cfg(feature = "postgres")]
use crate::line::Claiming;
use crate::lock::BottleLock;
use crate::queue::Queue;
use crate::row::parse_id;

/// How long the server may take to notice that a program was killed, and how often that is looked at.
#[cfg(feature = "postgres")]
const CONNECTION_ENDS_IN: Duration = Duration::from_secs(2);
#[cfg(feature = "postgres")]
const CONNECTION_LOOK: Duration = Duration::from_millis(20);

/// An interrupted decision that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The proposal.
    pub id: String,
    /// Which end.
    pub what: RecoveredAs,
}

/// How an interrupted decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveredAs {
    /// It was carried out to the end.
    Finished(Status),
    /// It was taken back; the proposal is as it was before.
    Undone,
    /// Its effect is in force and in the audit log, but the bottle's side keeps the agent from being told.
    Undelivered(Status),
    /// An operator's edit, carried out to the end.
    Edited,
    /// An operator's edit, taken back.
    EditUndone,
}

/// What was found when a bottle was locked.
#[derive(Debug, Default)]
pub struct Recovery {
    /// What has come to its end.
    pub recovered: Vec<Recovered>,
    /// What has an effect that only the caller can finish or undo. Each must be audited and answered, failed,
    /// or undone before anything else is decided in the bottle.
    pub unfinished: Vec<Unfinished>,
}

/// What a crash left between its plan and its audit entry.
#[derive(Debug)]
pub enum Unfinished {
    /// A decision.
    Decision(Box<Intended>),
    /// An edit that no proposal asked for.
    Edit(IntendedEdit),
}

impl Unfinished {
    /// The proposal; none for an edit.
    pub fn id(&self) -> Option<&str> {
        match self {
            Unfinished::Decision(intended) => Some(&intended.proposal().id),
            Unfinished::Edit(_) => None,
        }
    }

    /// What was written down as the effect.
    pub fn effect(&self) -> &str {
        match self {
            Unfinished::Decision(intended) => intended.effect().unwrap_or_default(),
            Unfinished::Edit(edit) => edit.effect(),
        }
    }

    /// What was decided to be given to the bottle; nothing for an edit.
    pub fn final_file(&self) -> Option<&str> {
        match self {
            Unfinished::Decision(intended) => intended.final_file(),
            Unfinished::Edit(_) => None,
        }
    }

    /// Whether it could be finished when that was last looked at. If not, the effect must be undone and the whole
    /// failed.
    pub fn is_answerable(&self) -> bool {
        match self {
            Unfinished::Decision(intended) => intended.is_answerable(),
            Unfinished::Edit(_) => true,
        }
    }

    /// Looks again, as [`Intended::is_still_answerable`].
    pub async fn is_still_answerable(&mut self) -> Result<bool, StoreError> {
        match self {
            Unfinished::Decision(intended) => intended.is_still_answerable().await,
            Unfinished::Edit(_) => Ok(true),
        }
    }

    /// The effect is in force: audits it, and answers where somebody asked.
    pub async fn finish(self) -> Result<RecoveredAs, DecisionError> {
        match self {
            Unfinished::Decision(intended) => match intended.audit(true).await?.answer().await {
                Ok(decided) => Ok(RecoveredAs::Finished(decided.status)),
                Err(DecisionError::Undelivered { status, .. }) => Ok(RecoveredAs::Undelivered(status)),
                Err(error) => Err(error),
            },
            Unfinished::Edit(edit) => {
                edit.audit().await?;
                Ok(RecoveredAs::Edited)
            }
        }
    }

    /// The effect isn't in force and nothing is left of it: the audit says why.
    pub async fn fail(self, why: &str) -> Result<RecoveredAs, DecisionError> {
        match self {
            Unfinished::Decision(intended) => {
                intended.fail(why).await?;
                Ok(RecoveredAs::Undone)
            }
            Unfinished::Edit(edit) => {
                edit.fail(why).await?;
                Ok(RecoveredAs::EditUndone)
            }
        }
    }

    /// Nothing was done.
    pub async fn undo(self) -> Result<RecoveredAs, DecisionError> {
        match self {
            Unfinished::Decision(intended) => {
                intended.undo().await?;
                Ok(RecoveredAs::Undone)
            }
            Unfinished::Edit(edit) => {
                edit.undo().await?;
                Ok(RecoveredAs::EditUndone)
            }
        }
    }

    /// It must be left as it is because of `source`, for the next to take the lock.
    pub fn unfinished(&self, source: StoreError) -> DecisionError {
        match self {
            Unfinished::Decision(intended) => DecisionError::Unfinished {
                status: intended.status(),
                source,
            },
            Unfinished::Edit(_) => source.into(),
        }
    }
}

impl Host {
    /// Finishes or undoes the bottle's interrupted decisions. Call it right after taking the lock.
    pub async fn recover(&self, lock: &BottleLock, queue: &Queue) -> Result<Recovery, StoreError> {
        let mut recovery = Recovery::default();
        if lock.slug() != queue.slug() {
            return Ok(recovery);
        }
        let mut kept = Vec::new();
        for intent in self.intents(lock.slug()).await? {
            let standing = queue.standing(&intent).await?;
            #[cfg(feature = "postgres")]
            let standing = queue.claimed_anew(&intent, standing).await?;
            if intent.effect.is_some() && intent.audited.is_none() {
                kept.push(intent.token.clone());
                let intended = Intended::found(self, queue, lock, intent, standing);
                recovery.unfinished.push(Unfinished::Decision(Box::new(intended)));
                continue;
            }
            let id = intent.id().to_owned();
            let what = self.recover_intent(queue, intent, standing).await?;
            recovery.recovered.extend(what.map(|what| Recovered { id, what }));
        }
        let edits = self.edits_interrupted(lock).await?;
        recovery
            .unfinished
            .extend(edits.into_iter().map(Unfinished::Edit));
        // What else is claimed has no intent: its decision ended before anything was written down.
        let undone = queue.claims_release_but(kept).await?;
        recovery.recovered.extend(undone.into_iter().map(|id| Recovered {
            id,
            what: RecoveredAs::Undone,
        }));
        if !recovery.recovered.is_empty() {
            queue.ring();
        }
        Ok(recovery)
    }

    async fn recover_intent(
        &self,
        queue: &Queue,
        intent: Intent,
        standing: Standing,
    ) -> Result<Option<RecoveredAs>, StoreError> {
        match standing {
            // The crash came after the answer; only the intent was left.
            Standing::Answered => {
                self.intent_delete(&intent.token).await?;
                Ok(None)
            }
            Standing::Lost => {
                self.drop_intent(&intent, "the proposal is no longer what was decided")
                    .await
            }
            Standing::Ours => self.finish_intent(queue, intent).await,
        }
    }

    async fn finish_intent(
        &self,
        queue: &Queue,
        mut intent: Intent,
    ) -> Result<Option<RecoveredAs>, StoreError> {
        let audited = match intent.audited {
            Some(audited) => audited,
            None => self.intent_audit(&intent, false).await?,
        };
        intent.audited = Some(audited);
        match queue.answer(&intent, audited).await {
            Ok(_) => {
                self.intent_delete(&intent.token).await?;
                Ok(Some(RecoveredAs::Finished(intent.status)))
            }
            // No later try would end otherwise, and must not stand in the way of other decisions.
            Err(error) if error.spares_transaction() => self.drop_intent(&intent, &error.to_string()).await,
            Err(error) => Err(error),
        }
    }

    async fn drop_intent(&self, intent: &Intent, why: &str) -> Result<Option<RecoveredAs>, StoreError> {
        match intent.audited {
            Some(audited) => {
                self.intent_fail(intent, why).await?;
                if audited.applied {
                    return Ok(Some(RecoveredAs::Undelivered(intent.status)));
                }
            }
            // Nothing was done and nothing was said.
            None => self.intent_delete(&intent.token).await?,
        }
        Ok(Some(RecoveredAs::Undone))
    }
}

#[cfg(feature = "postgres")]
impl Queue {
    /// In a fleet a claim goes with its connection, so whoever crashed has lost it. The bottle's lock is ours: if
    /// nobody else decides, the claim is taken anew, and the decision comes to its end as anywhere else. An error
    /// leaves the intent to whoever looks next: what was audited may not be given up while its old connection, or
    /// another host's operator, still holds the proposal.
    async fn claimed_anew(&self, intent: &Intent, standing: Standing) -> Result<Standing, StoreError> {
        if standing != Standing::Lost {
            return Ok(standing);
        }
        let give_up = Instant::now() + CONNECTION_ENDS_IN;
        loop {
            match self.claim_anew(intent).await? {
                Some(Claiming::Claimed) => return Ok(Standing::Ours),
                Some(Claiming::BeingDecided) if Instant::now() < give_up => sleep(CONNECTION_LOOK).await,
                // Decided alike in this moment, perhaps by us: whoever looks next finds the answer.
                Some(Claiming::Already(status)) if status == intent.status => return Err(unsettled(intent)),
                Some(Claiming::BeingDecided) if intent.is_in_force() => return Err(unsettled(intent)),
                _ => return Ok(standing),
            }
        }
    }
}

#[cfg(feature = "postgres")]
fn unsettled(intent: &Intent) -> StoreError {
    StoreError::Denied(format!(
        "an interrupted decision about {} can't be finished yet",
        intent.id()
    ))
}

impl Queue {
    pub(crate) async fn standing(&self, intent: &Intent) -> Result<Standing, StoreError> {
        let (slug, intent) = (self.slug().clone(), intent.clone());
        self.db()
            .read(move |connection| {
                Box::pin(async move {
                    let found = found::find(connection, slug, intent.id().to_owned()).await?;
                    let found = found.into_iter().find(|found| found.id() == intent.id());
                    let claimed = is_claimed(connection, &intent).await?;
                    Ok(found.map_or(Standing::Lost, |found| standing(&found, claimed, &intent)))
                })
            })
            .await
    }

    async fn claims_release_but(&self, kept: Vec<String>) -> Result<Vec<String>, StoreError> {
        let kept = serde_json::Value::from(kept).to_string();
        let others = kept.clone();
        let any = self
            .db()
            .read(move |connection| {
                Box::pin(async move {
                    let query = "SELECT EXISTS (SELECT 1 FROM supervise_claims
                        WHERE token NOT IN (SELECT value FROM json_each(?)))";
                    Ok(sqlx::query_scalar::<_, bool>(query)
                        .bind(others)
                        .fetch_one(&mut connection.sql)
                        .await?)
                })
            })
            .await?;
        self.claims_release_told().await?;
        if !any {
            return Ok(Vec::new());
        }
        let query = concat!(
            "DELETE FROM supervise_claims WHERE token NOT IN (SELECT value FROM json_each(?)) RETURNING ",
            word!("proposal_id")
        );
        let released: Vec<Option<String>> = self
            .db()
            .write(move |connection| {
                Box::pin(async move {
                    Ok(sqlx::query_scalar(query)
                        .bind(kept)
                        .fetch_all(&mut connection.sql)
                        .await?)
                })
            })
            .await?;
        Ok(released
            .into_iter()
            .flatten()
            .filter(|id| is_proposal_id(id))
            .collect())
    }
}

impl Queue {
    /// A crash may have left a claim with the bottle that is in no table here.
    async fn claims_release_told(&self) -> Result<(), StoreError> {
        self.db()
            .read(|connection| {
                Box::pin(async move {
                    let query = concat!("SELECT ", word!("proposal_id"), " FROM supervise_claims");
                    let ids: Vec<Option<String>> =
                        sqlx::query_scalar(query).fetch_all(&mut connection.sql).await?;
                    let kept: Vec<_> = ids.iter().flatten().filter_map(|id| parse_id(id)).collect();
                    connection.release_told_but(&kept).await
                })
            })
            .await
    }
}

async fn is_claimed(connection: &mut Connection, intent: &Intent) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT 1 FROM supervise_claims WHERE token = ? AND proposal_id = ?)";
    let claimed = sqlx::query_scalar(query).bind(&intent.token).bind(intent.id());
    Ok(claimed.fetch_one(&mut connection.sql).await?)
}

fn standing(found: &Found, claimed: bool, intent: &Intent) -> Standing {
    let same = Digest::from_hex(&intent.digest) == Some(found.listed.proposal.digest());
    match &found.state {
        State::Decided(answer) if answer.response.status == intent.status => Standing::Answered,
        State::BeingDecided if claimed && same => Standing::Ours,
        _ => Standing::Lost,
    }
}
