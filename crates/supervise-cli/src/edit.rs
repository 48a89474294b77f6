//! The one path of an operator's own edit of the routes: lock, recover, plan, intend, carry out, audit.

use supervise_core::{Component, SafeLine, Slug, Tool, render_diff};
use supervise_store::{BottleLock, DecisionError, EditRequest, Host, IntendedEdit, Queue, StoreError};

use crate::apply::{self, EditPlan, Effect, Failed, Job, Rolled};
use crate::error::{CliError, Kind};
use crate::operator;
use crate::recover::{recover, recover_edits};
use crate::session::Session;
use crate::turn::bottle_lock;
use crate::ui::line;

/// What the operator made of the file.
#[derive(Debug)]
pub(crate) struct RoutesEdit {
    /// The file as it was opened; `None` where there was none.
    pub(crate) opened: Option<String>,
    pub(crate) text: String,
    pub(crate) notes: String,
    pub(crate) via: &'static str,
}

impl RoutesEdit {
    /// Carries it out, if the file is still what was opened. Returns the audit entry.
    pub(crate) async fn apply(&self, session: &Session<'_>, slug: &Slug) -> Result<i64, CliError> {
        let host = Host::create(&session.root).await?;
        let lock = bottle_lock(session, &host, slug).await?;
        settle(session, &host, &lock).await.map_err(unsettled)?;
        let plan = apply::plan_edit(session, slug, self.opened.as_deref(), &self.text).await?;
        match plan {
            EditPlan::Change(job) => self.carry_out(session, &host, lock, &job).await,
            EditPlan::Moved => {
                let message = "nothing was done: the file has changed since it was opened";
                Err(CliError::new(Kind::Moved, message))
            }
            EditPlan::Refused(why) => {
                let message = line!["nothing was done: ", SafeLine::new(&why)];
                Err(CliError::new(Kind::EffectFailed, message))
            }
        }
    }

    async fn carry_out(
        &self,
        session: &Session<'_>,
        host: &Host,
        lock: BottleLock,
        job: &Job,
    ) -> Result<i64, CliError> {
        let effect = Effect::File(job.change.clone()).to_json();
        let request = EditRequest {
            component: Tool::EgressAllow
                .component()
                .map_or("", Component::name)
                .to_owned(),
            notes: self.notes.clone(),
            diff: self.diff(),
            operator: operator::signature(session.config()?),
            via: self.via.to_owned(),
            effect: effect.map_err(|why| CliError::new(Kind::EffectFailed, SafeLine::new(&why)))?,
        };
        let intended = host.edit_intend(lock, request).await?;
        if let Err(failed) = job.carry_out(session).await {
            return Err(not_applied(intended, failed).await?);
        }
        let audit_id = intended.audit().await.map_err(unaudited)?;
        let path = SafeLine::new(&job.change.path.to_string_lossy());
        session
            .ui
            .say(&[line!["applied: ", path, " is written and in force"]]);
        Ok(audit_id)
    }

    fn diff(&self) -> String {
        let before = self.opened.as_deref().unwrap_or_default();
        render_diff(before, &self.text, Tool::EgressAllow.diff_label())
    }
}

/// What a crash left comes first. A bottle whose agent never ran has no queue, and so no decisions.
async fn settle(session: &Session<'_>, host: &Host, lock: &BottleLock) -> Result<(), DecisionError> {
    let slug = lock.slug();
    match Queue::open_at(&session.place(slug)?).await {
        Ok(queue) => recover(session, host, lock, &queue).await,
        Err(StoreError::Missing { .. }) => recover_edits(session, host, lock).await,
        Err(error) => Err(error.into()),
    }
}

fn unsettled(error: DecisionError) -> CliError {
    CliError::failed("nothing was done: what was interrupted before can't be settled")
        .because(error)
        .hint("mend that; `supervise list` says when it is settled")
}

/// The effect stands and its plan is kept, so the entry is only late.
fn unaudited(source: StoreError) -> CliError {
    CliError::failed("the routes are written and in force, but the audit log has no entry yet")
        .because(source)
        .hint("the next `supervise list` writes it")
}

async fn not_applied(intended: IntendedEdit, failed: Failed) -> Result<CliError, CliError> {
    let why = SafeLine::new(&failed.why);
    if failed.rolled == Rolled::Stuck {
        let message = line!["the routes are neither in force nor put back: ", why];
        return Ok(CliError::failed(message).hint("mend that; the next `supervise list` tries again"));
    }
    let audit_id = intended.fail(&failed.why).await?;
    let hint = line!["audit entry ", audit_id, " has the failure"];
    Ok(CliError::new(Kind::EffectFailed, line!["the routes are as they were: ", why]).hint(hint))
}
