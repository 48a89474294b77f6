//! Waiting for the answer to a submitted proposal, and telling it.

use std::time::Duration;

use serde::Serialize;
use supervise_core::{Proposal, SafeLine, SafeText, Status, Tool};
use supervise_store::{Answer, Checked, Delivery, Outcome, Queue, StoreError};
use tokio::time::timeout;

use crate::error::{CliError, Exit, Kind};
use crate::session::{Format, Session};
use crate::ui::line;

#[derive(Serialize)]
struct SubmittedObject<'a> {
    id: &'a str,
    bottle_slug: &'a str,
    tool: Tool,
    status: &'static str,
    #[serde(flatten)]
    answer: Option<AnswerObject<'a>>,
}

#[derive(Serialize)]
struct AnswerObject<'a> {
    notes: &'a str,
    final_file: Option<&'a str>,
    applied: Option<bool>,
}

/// What became of it.
enum End {
    Decided(Delivery),
    Withdrawn,
    Undecided,
}

/// Says that it is queued.
pub(super) fn submitted(session: &Session<'_>, proposal: &Proposal) -> Result<(), CliError> {
    match session.format {
        Format::Human => {
            session.ui.data(&[line![SafeLine::new(&proposal.id)]]);
            Ok(())
        }
        Format::Json => session.ui.json(&object(proposal, "pending", None)),
    }
}

/// Waits for the decision, for ever without `patience`, and tells it.
pub(super) async fn report(
    session: &Session<'_>,
    queue: &Queue,
    proposal: &Proposal,
    patience: Option<Duration>,
) -> Result<Exit, CliError> {
    if session.format == Format::Human {
        // Told before the wait, so that a program that is stopped meanwhile knows what it asked.
        submitted(session, proposal)?;
    }
    let end = match patience {
        Some(patience) => timeout(patience, end(queue, proposal))
            .await
            .unwrap_or(Ok(End::Undecided))?,
        None => end(queue, proposal).await?,
    };
    match end {
        End::Decided(delivery) => tell(session, queue, proposal, delivery).await,
        End::Withdrawn => state(session, proposal, "withdrawn", Kind::Decided),
        End::Undecided => state(session, proposal, "pending", Kind::Undecided),
    }
}

async fn end(queue: &Queue, proposal: &Proposal) -> Result<End, StoreError> {
    match queue.proposal_wait(&proposal.id).await? {
        Checked::Decided(delivery) => Ok(End::Decided(delivery)),
        Checked::Withdrawn | Checked::Unknown => Ok(End::Withdrawn),
        Checked::Held(mut hold) => match hold.outcome().await {
            Outcome::Decided(delivery) => Ok(End::Decided(delivery)),
            Outcome::Withdrawn => Ok(End::Withdrawn),
            Outcome::StoreGone => Err(StoreError::Gone),
        },
    }
}

/// Prints the answer; only then does it count as delivered.
async fn tell(
    session: &Session<'_>,
    queue: &Queue,
    proposal: &Proposal,
    delivery: Delivery,
) -> Result<Exit, CliError> {
    let answer = delivery.answer().clone();
    print(session, proposal, &answer)?;
    delivery.delivered();
    // The store works in order: when it answers this, what was handed over before is on the disk.
    queue.check_health().await?;
    Ok(match answer.response.status {
        Status::Approved | Status::Modified => Exit::DONE,
        Status::Rejected => Kind::Rejected.into(),
    })
}

fn print(session: &Session<'_>, proposal: &Proposal, answer: &Answer) -> Result<(), CliError> {
    let response = &answer.response;
    if session.format == Format::Json {
        let told = AnswerObject {
            notes: &response.notes,
            final_file: response.final_file.as_deref(),
            applied: answer.applied,
        };
        return session
            .ui
            .json(&object(proposal, response.status.name(), Some(told)));
    }
    session.ui.data(&[line!["status: ", response.status]]);
    if !response.notes.is_empty() {
        session
            .ui
            .data(&[line!["notes: ", SafeLine::new(&response.notes)]]);
    }
    if let (Status::Modified, Some(text)) = (response.status, &response.final_file) {
        session.ui.data(&[line!["final file:"]]);
        session.ui.data_text(&SafeText::new(text));
    }
    Ok(())
}

fn state(
    session: &Session<'_>,
    proposal: &Proposal,
    status: &'static str,
    kind: Kind,
) -> Result<Exit, CliError> {
    match session.format {
        Format::Human => session.ui.data(&[line!["status: ", status]]),
        Format::Json => session.ui.json(&object(proposal, status, None))?,
    }
    Ok(kind.into())
}

fn object<'a>(
    proposal: &'a Proposal,
    status: &'static str,
    answer: Option<AnswerObject<'a>>,
) -> SubmittedObject<'a> {
    SubmittedObject {
        id: &proposal.id,
        bottle_slug: &proposal.bottle_slug,
        tool: proposal.tool,
        status,
        answer,
    }
}
