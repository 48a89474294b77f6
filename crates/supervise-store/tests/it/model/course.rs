//! What a decision should leave in the tables and in the audit log, step by step.

use std::collections::BTreeSet;

use supervise_core::{Proposal, Response, Status};
use supervise_store::{Recovered, RecoveredAs};

use super::tables::{Life, Refused, Tables, payload};

/// What is written down before anything happens.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) token: String,
    /// As it was claimed; its row may be gone since.
    pub(super) proposal: Proposal,
    pub(super) response: Response,
    pub(super) sticks: bool,
    pub(super) has_effect: bool,
    /// Whether it was applied, once that is in the audit log.
    pub(super) audited: Option<bool>,
}

/// Everything that should be on the disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) tables: Tables,
    pub(super) plans: Vec<Plan>,
    /// Action and proposal of each audit entry.
    pub(super) audit: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Ours,
    Answered,
    Lost,
}

impl Plan {
    pub(super) fn id(&self) -> &str {
        &self.response.proposal_id
    }
}

impl Disk {
    fn log(&mut self, action: &str, id: &str) {
        self.audit.push((action.to_owned(), id.to_owned()));
    }

    fn plan_mut(&mut self, token: &str) -> &mut Plan {
        let found = self.plans.iter_mut().find(|plan| plan.token == token);
        found.expect("a plan that was written down")
    }

    pub(super) fn plan(&self, token: &str) -> Plan {
        let found = self.plans.iter().find(|plan| plan.token == token);
        found.expect("a plan that was written down").clone()
    }

    fn forget(&mut self, token: &str) {
        self.plans.retain(|plan| plan.token != token);
    }

    pub(super) fn release(&mut self, token: &str) {
        self.tables.claims.retain(|_, holder| holder != token);
    }

    /// Step 5.
    pub(super) fn audit(&mut self, token: &str, applied: bool) {
        let plan = self.plan_mut(token);
        plan.audited = Some(applied);
        let (action, id) = (plan.response.status.name(), plan.id().to_owned());
        self.log(action, &id);
    }

    /// Step 6; false if the file refuses the answer, which the audit log then says.
    pub(super) fn answer(&mut self, token: &str) -> bool {
        let plan = self.plan(token);
        self.release(token);
        if self.tables.respond(plan.response.clone(), plan.audited) {
            self.stick(&plan);
            self.forget(token);
            return true;
        }
        self.fail(token);
        false
    }

    fn stick(&mut self, plan: &Plan) {
        let Some(payload) = payload(plan.proposal.tool, &plan.proposal.proposed_file) else {
            return;
        };
        if plan.sticks {
            let refused = Refused {
                id: plan.id().to_owned(),
                notes: plan.response.notes.clone(),
                holds: true,
            };
            self.tables.refusals.insert(payload, refused);
        } else {
            self.tables.refusals.remove(&payload);
        }
    }

    pub(super) fn fail(&mut self, token: &str) {
        let id = self.plan(token).id().to_owned();
        self.log("apply-failed", &id);
        self.undo(token);
    }

    pub(super) fn undo(&mut self, token: &str) {
        self.forget(token);
        self.release(token);
    }

    pub(super) fn standing(&self, plan: &Plan) -> Standing {
        match self.tables.life(plan.id()) {
            Life::Decided(response, _) if response.status == plan.response.status => Standing::Answered,
            Life::Claimed if self.tables.claims.get(plan.id()) == Some(&plan.token) => Standing::Ours,
            _ => Standing::Lost,
        }
    }

    /// What the next to take the lock does by itself, and what it must be told about.
    pub(super) fn recover(&mut self) -> Vec<Recovered> {
        let mut recovered = Vec::new();
        for plan in self.plans.clone() {
            if plan.has_effect && plan.audited.is_none() {
                continue;
            }
            let what = match self.standing(&plan) {
                Standing::Answered => {
                    self.forget(&plan.token);
                    continue;
                }
                Standing::Ours => self.finish(&plan),
                Standing::Lost => self.lose(&plan),
            };
            let id = plan.id().to_owned();
            recovered.push(Recovered { id, what });
        }
        let kept: BTreeSet<&String> = self.plans.iter().map(|plan| &plan.token).collect();
        let stray = self
            .tables
            .claims
            .extract_if(.., |_, token| !kept.contains(token));
        recovered.extend(stray.map(|(id, _)| Recovered {
            id,
            what: RecoveredAs::Undone,
        }));
        recovered
    }

    fn finish(&mut self, plan: &Plan) -> RecoveredAs {
        if plan.audited.is_none() {
            self.audit(&plan.token, false);
        }
        assert!(self.answer(&plan.token));
        RecoveredAs::Finished(plan.response.status)
    }

    fn lose(&mut self, plan: &Plan) -> RecoveredAs {
        if plan.audited.is_some() {
            self.log("apply-failed", plan.id());
        }
        // Its claim, if it is still there, goes with the stray ones.
        self.forget(&plan.token);
        match plan.audited {
            Some(true) => RecoveredAs::Undelivered(plan.response.status),
            _ => RecoveredAs::Undone,
        }
    }
}

/// The verdicts there are, by number.
pub(super) fn status(verdict: u8) -> Status {
    match verdict % 3 {
        0 => Status::Approved,
        1 => Status::Modified,
        _ => Status::Rejected,
    }
}
