//! The one path of a decision, for review, approve, modify and reject: lock, recover, claim, intend, carry out,
//! audit, answer.

use supervise_core::{Digest, Proposal, SafeLine, Status, Tool};
use supervise_store::{
    Audited, Decided, DecisionError, DecisionRequest, Intended, Sticky, StoreError, Verdict,
};

use crate::apply::{self, Effect, Failed, Plan, Rolled, roll_back};
use crate::bind::{UNREADABLE, already, moved};
use crate::desk::Desk;
use crate::error::{CliError, Kind};
use crate::inbox::Item;
use crate::operator;
use crate::recover::{LOST, recover};
use crate::signals::interrupted;
use crate::turn::bottle_lock;
use crate::ui::line;

/// What the operator decided, and by which verb.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) notes: String,
    pub(crate) via: &'static str,
    /// How long a rejection sticks; `None`: as configured.
    pub(crate) sticky: Option<Sticky>,
    /// The file to be changed as it was shown, as its digest; `None` where no change was shown.
    pub(crate) shown: Option<Digest>,
}

impl Desk<'_> {
    /// Decides the proposal that was shown as `item`, or says who was first.
    pub(crate) async fn decide(&mut self, item: &Item, decision: Decision) -> Result<Decided, CliError> {
        match self.carry_out(item, decision).await {
            Ok(decided) => Ok(decided),
            Err(Halt::Decision(error)) => Err(self.explain(item, error).await),
            Err(Halt::Said(error)) => Err(error),
        }
    }

    async fn carry_out(&mut self, item: &Item, decision: Decision) -> Result<Decided, Halt> {
        let config = self.session.config()?;
        let host = self.host().await?;
        let lock = bottle_lock(self.session, &host, &item.slug).await?;
        let queue = self.writer(&item.slug).await?;
        recover(self.session, &host, &lock, &queue)
            .await
            .map_err(|error| Halt::Said(unsettled(item, error)))?;

        let request = DecisionRequest {
            id: item.proposal.id.clone(),
            digest: item.digest,
            verdict: decision.verdict.clone(),
            notes: decision.notes,
            sticky: decision.sticky.unwrap_or(config.reject.sticky),
            operator: operator::signature(config),
            via: decision.via.to_owned(),
        };
        // From the claim on a signal ends nothing half-way.
        let stops = self.session.stops();
        let claimed = host.decision_claim(lock, &queue, request).await?;
        let text = final_text(claimed.proposal(), &decision.verdict).map(str::to_owned);
        let (plan, diff) = match &text {
            None => (Plan::Nothing, String::new()),
            Some(text) => {
                let proposal = claimed.proposal();
                // Another decision may be changing the file, for as long as its command takes.
                let plan = tokio::select! {
                    plan = apply::plan(self.session, config, proposal, &item.slug, text) => plan,
                    () = stops.reach(1) => {
                        claimed.release().await?;
                        return Err(Halt::Said(interrupted()));
                    }
                };
                let diff = plan.diff(proposal.tool, text);
                (plan, diff)
            }
        };
        // With the plan made its lock is held, so nothing can move from here on.
        if decision.shown.is_some_and(|shown| self.has_moved(item, shown)) {
            claimed.release().await?;
            return Err(Halt::Said(moved(item)));
        }
        let step = plan.step();
        let effect = plan.effect().as_ref().map(Effect::to_json).transpose();
        let effect = match effect {
            Ok(effect) => effect,
            Err(why) => {
                claimed.release().await?;
                return Err(Halt::Said(CliError::new(Kind::EffectFailed, SafeLine::new(&why))));
            }
        };
        let intended = claimed.intend(diff, effect).await?;
        let audited = self.take_effect(intended, plan).await?;
        self.note_step(step);
        Ok(audited.answer().await?)
    }

    /// Steps 4 and 5: nothing is said to have been approved before it is in effect.
    async fn take_effect(&self, mut intended: Intended, plan: Plan) -> Result<Audited, Halt> {
        let ui = self.session.ui;
        let failed = match plan {
            Plan::Nothing => return Ok(intended.audit(false).await?),
            Plan::Already(already) => {
                match in_force(already.confirm(self.session).await, &mut intended).await {
                    Ok(()) => {
                        let path = SafeLine::new(&already.path.to_string_lossy());
                        ui.say(&[line!["already allowed by ", path, ": nothing to write"]]);
                        return Ok(intended.audit(true).await?);
                    }
                    Err(why) => Failed {
                        why,
                        rolled: Rolled::Back,
                    },
                }
            }
            Plan::Refused(why) => Failed {
                why,
                rolled: Rolled::Back,
            },
            Plan::Change(job) => match job.carry_out(self.session).await {
                Ok(()) => match in_force(Ok(()), &mut intended).await {
                    Ok(()) => {
                        let audited = intended.audit(true).await?;
                        let path = SafeLine::new(&job.change.path.to_string_lossy());
                        ui.say(&[line!["applied: ", path, " is written and in force"]]);
                        return Ok(audited);
                    }
                    Err(why) => roll_back(self.session, &job.change, &job.target, why).await,
                },
                Err(failed) => failed,
            },
        };
        Err(Halt::Said(not_applied(intended, failed).await?))
    }

    async fn explain(&self, item: &Item, error: DecisionError) -> CliError {
        match error {
            DecisionError::NoSuch => CliError::new(Kind::Missing, "the proposal is gone"),
            DecisionError::Already(status) => already(item, status.name()),
            DecisionError::Withdrawn => already(item, "withdrawn"),
            DecisionError::BeingDecided => already(item, "being decided by another operator"),
            DecisionError::Changed { found } => {
                let now = Item {
                    digest: found.digest(),
                    proposal: *found,
                    ..item.clone()
                };
                self.changed(&now, "it has changed since it was shown").await
            }
            DecisionError::Unreadable => already(item, UNREADABLE),
            DecisionError::Unfinished { status, source } => {
                let id = SafeLine::new(&item.proposal.id);
                CliError::failed(line![id, " is ", status, ", but the agent could not be told yet"])
                    .because(source)
                    .hint("the next `supervise list` finishes it")
            }
            DecisionError::Undelivered {
                status,
                applied,
                audit_id,
                source,
            } => undelivered(item, status, applied, audit_id).because(source),
            DecisionError::Store(source) => CliError::failed("the decision was not made")
                .remedied(&source)
                .because(source),
            other => CliError::failed("the decision was not made").because(other),
        }
    }
}

/// What is in force is only kept for an agent that can be told. An effect takes as long as its command, and whoever can
/// write to the queue may take the proposal back meanwhile.
async fn in_force(effect: Result<(), String>, intended: &mut Intended) -> Result<(), String> {
    effect?;
    match intended.is_still_answerable().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(LOST.to_owned()),
        Err(error) => Err(format!(
            "whether it is still to be decided can't be read: {error}"
        )),
    }
}

/// The bottle's side was in the way of the very last step. The effect stands, since the audit log has it.
fn undelivered(item: &Item, status: Status, applied: bool, audit_id: i64) -> CliError {
    let id = SafeLine::new(&item.proposal.id);
    if !applied {
        let message = line![id, " is ", status, ", but the agent can't be told"];
        return CliError::failed(message).hint(line!["audit entry ", audit_id, " and the next one have it"]);
    }
    let message = line![id, " is ", status, " and in force, but the agent can't be told"];
    let hint = match item.proposal.tool {
        Tool::CapabilityBlock => line!["put the Dockerfile back and rebuild it"],
        _ => line!["take it out with `supervise routes edit ", &item.slug, "`"],
    };
    let entry = line![
        ": audit entry ",
        audit_id,
        " shows what changed, and `supervise doctor` finds it"
    ];
    CliError::failed(message).hint(hint.join(entry))
}

/// Ends a decision whose effect failed: the audit has the failure, and the proposal is pending again.
async fn not_applied(intended: Intended, failed: Failed) -> Result<CliError, DecisionError> {
    let (id, status) = (SafeLine::new(&intended.proposal().id), intended.status());
    let why = SafeLine::new(&failed.why);
    if failed.rolled == Rolled::Stuck {
        let message = line![id, " is neither ", status, " nor put back: ", why];
        return Ok(CliError::failed(message).hint("mend that; the next `supervise list` tries again"));
    }
    let still = match intended.is_answerable() {
        true => "it is still pending; ",
        false => "",
    };
    let audit_id = intended.fail(&failed.why).await?;
    let message = line![id, " was not ", status, ": ", why];
    let hint = line![still, "audit entry ", audit_id, " has the failure"];
    Ok(CliError::new(Kind::EffectFailed, message).hint(hint))
}

/// Another decision stands in the way; about this one nothing was done.
fn unsettled(item: &Item, error: DecisionError) -> CliError {
    let id = SafeLine::new(&item.proposal.id);
    let message = line![id, " was not decided: an interrupted decision of ", &item.slug];
    CliError::failed(message.and(" can't be settled"))
        .because(error)
        .hint("mend that; `supervise list` says when it is settled")
}

/// What the bottle is to be given, if anything.
fn final_text<'t>(proposal: &'t Proposal, verdict: &'t Verdict) -> Option<&'t str> {
    match verdict {
        Verdict::Approve => Some(&proposal.proposed_file),
        Verdict::Modify { final_file } => Some(final_file),
        Verdict::Reject => None,
    }
}

/// Why a decision was not made: to be explained, or explained already.
enum Halt {
    Decision(DecisionError),
    Said(CliError),
}

impl From<DecisionError> for Halt {
    fn from(error: DecisionError) -> Self {
        Halt::Decision(error)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Halt::Decision(error.into())
    }
}

impl From<CliError> for Halt {
    fn from(error: CliError) -> Self {
        Halt::Said(error)
    }
}
