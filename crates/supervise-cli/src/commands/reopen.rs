//! `supervise reopen`: lifts a refusal that sticks.
//!
//! It decides nothing and changes nothing on the host, so the audit log, which has decisions and edits, gets no
//! entry: the rejection stays in it, and so will whatever is decided about the next ask.

use serde::Serialize;
use supervise_core::{SafeLine, Status};
use supervise_store::{DecisionError, Refusal, State};

use crate::desk::{Desk, Target};
use crate::error::{CliError, Exit, Kind};
use crate::id::IdArgument;
use crate::inbox::Item;
use crate::recover::recover;
use crate::session::{Format, Session};
use crate::ui::{Line, Paint, line};

const EXAMPLES: &str = "\
Examples:
  supervise reopen 3f2a
  supervise reopen 3f2a --bottle dev --json
  supervise audit list --bottle dev --json | jq -r '.[] | select(.operator_action == \"rejected\") | .proposal_id'

A rejection answers identical asks for a while (`reject --sticky`). Reopened, the agent's next
identical ask is a new question. It approves nothing, tells the agent nothing and changes nothing
else; the rejected proposal stays rejected.";

/// Lift a refusal, so that the agent may ask the same again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The rejected proposal, as ID or ID@DIGEST
    id: String,
}

#[derive(Serialize)]
struct ReopenedObject<'a> {
    id: &'a str,
    bottle_slug: &'a str,
    refused_id: &'a str,
    refused_until: &'a str,
    notes: &'a str,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let id = IdArgument::parse(&args.id)?;
    let mut desk = Desk::open(session).await?;
    let Target { item, state } = desk.find(&id).await?;
    if !id.accepts(&item.digest) {
        let message = line![
            SafeLine::new(&item.proposal.id),
            " is not what that digest was shown for"
        ];
        return Err(CliError::new(Kind::Changed, message).hint("nothing was reopened"));
    }
    let refusal = match lift(&mut desk, &item).await {
        Ok(Some(refusal)) => refusal,
        Ok(None) => return Err(nothing_to_lift(&item, &state)),
        Err(DecisionError::Store(source)) => return Err(source.into()),
        Err(error) => return Err(CliError::failed("nothing was reopened").because(error)),
    };
    report(session, &item, &refusal)
}

/// Under the bottle's lock, as a decision is: the refusal may be on its way.
async fn lift(desk: &mut Desk<'_>, item: &Item) -> Result<Option<Refusal>, DecisionError> {
    let host = desk.host().await?;
    let lock = host.bottle_lock(&item.slug).await?;
    let queue = desk.writer(&item.slug).await?;
    recover(desk.session, &host, &lock, &queue).await?;
    Ok(queue.refusal_lift(&lock, &item.proposal).await?)
}

fn nothing_to_lift(item: &Item, state: &State) -> CliError {
    let id = SafeLine::new(&item.proposal.id);
    let (what, hint): (Line, &str) = match state {
        State::Pending | State::BeingDecided => (
            line![id, " is pending, not refused"],
            "decide it with `supervise approve`, `modify` or `reject`",
        ),
        State::Decided(answer) if answer.response.status == Status::Rejected => (
            line![id, " was rejected, but that doesn't stick, or no longer"],
            "the agent's next identical ask is a new question already",
        ),
        State::Decided(answer) => (
            line![id, " was ", answer.response.status, ", not refused"],
            "`supervise audit list` has what was decided",
        ),
        State::Withdrawn | State::Unreadable => (
            line![id, " has no refusal"],
            "`supervise audit list` has what was decided",
        ),
    };
    CliError::new(Kind::Missing, what).hint(hint)
}

fn report(session: &Session<'_>, item: &Item, refusal: &Refusal) -> Result<Exit, CliError> {
    if session.format == Format::Json {
        session.ui.json(&ReopenedObject {
            id: &item.proposal.id,
            bottle_slug: item.slug.as_str(),
            refused_id: &refusal.id,
            refused_until: &refusal.until,
            notes: &refusal.notes,
        })?;
        return Ok(Exit::DONE);
    }
    let line = line![].paint(Paint::Green, "reopened").and(" ");
    session.ui.data(&[line
        .and(SafeLine::new(&item.proposal.id))
        .and(" in ")
        .and(&item.slug)]);
    session.ui.say(&[
        line!["the agent's next identical ask is a new question; it isn't told of this"].painted(Paint::Dim),
    ]);
    Ok(Exit::DONE)
}
