//! The one path of a decision, for review, approve, modify and reject: lock, recover, claim, intend, audit, answer.

use supervise_core::{Proposal, SafeLine, render_diff};
use supervise_store::{Decided, DecisionError, DecisionRequest, Verdict};

use crate::bind::{UNREADABLE, already};
use crate::desk::Desk;
use crate::error::{CliError, Kind};
use crate::inbox::Item;
use crate::operator;
use crate::recover::recover;
use crate::ui::line;

/// What the operator decided, and by which verb.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) notes: String,
    pub(crate) via: &'static str,
}

impl Desk<'_> {
    /// Decides the proposal that was shown as `item`, or says who was first.
    pub(crate) async fn decide(&mut self, item: &Item, decision: Decision) -> Result<Decided, CliError> {
        match self.carry_out(item, decision).await {
            Ok(decided) => Ok(decided),
            Err(error) => Err(self.explain(item, error)),
        }
    }

    async fn carry_out(&mut self, item: &Item, decision: Decision) -> Result<Decided, DecisionError> {
        let host = self.host().await?;
        let lock = host.bottle_lock(&item.slug).await?;
        let queue = self.writer(&item.slug).await?;
        recover(self.session, &host, &lock, &queue).await?;

        let request = DecisionRequest {
            id: item.proposal.id.clone(),
            digest: item.digest,
            verdict: decision.verdict,
            notes: decision.notes,
            operator: operator::name(),
            via: decision.via.to_owned(),
        };
        let diff_of = request.verdict.clone();
        let claimed = host.decision_claim(lock, &queue, request).await?;
        let diff = diff(claimed.proposal(), &diff_of);
        let intended = claimed.intend(diff, None).await?;
        // Nothing is configured to be changed by a decision, so there is nothing between intent and audit.
        let audited = intended.audit(false).await?;
        audited.answer().await
    }

    fn explain(&self, item: &Item, error: DecisionError) -> CliError {
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
                self.changed(&now, "it has changed since it was shown")
            }
            DecisionError::Unreadable => already(item, UNREADABLE),
            DecisionError::Unfinished { status, source } => {
                let id = SafeLine::new(&item.proposal.id);
                CliError::failed(line![id, " is ", status, ", but the agent could not be told yet"])
                    .because(source)
                    .hint("the next `supervise list` finishes it")
            }
            DecisionError::Store(source) => CliError::failed("the decision was not made").because(source),
            other => CliError::failed("the decision was not made").because(other),
        }
    }
}

/// Current to final, for the audit. What stands in the bottle now isn't configured, so current is empty.
fn diff(proposal: &Proposal, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Approve => render_diff("", &proposal.proposed_file, proposal.tool.diff_label()),
        Verdict::Modify { final_file } => render_diff("", final_file, proposal.tool.diff_label()),
        Verdict::Reject => String::new(),
    }
}
