//! `supervise show`: one proposal, whole.

use supervise_store::State;

use crate::apply::LiveFile;
use crate::bind::UNREADABLE;
use crate::desk::{Desk, Target};
use crate::error::{CliError, Exit, Kind};
use crate::id::IdArgument;
use crate::render::card;
use crate::render::objects::ShownObject;
use crate::risks::Background;
use crate::session::{Format, Session};
use crate::shown;
use crate::ui::{Line, Paint, Stream, line};

const EXAMPLES: &str = "\
Examples:
  supervise show 3f2a
  supervise show 3f2a@9c41d0e7a2b35566      exit code 5 if that digest was shown for something else
  supervise show 3f2a --json | jq -r .diff

An id may be shortened to any unique start of four characters or more.";

/// Show one proposal: what it asks for, why, and what it would change
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The proposal, as ID or ID@DIGEST
    id: String,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let id = IdArgument::parse(&args.id)?;
    let mut desk = Desk::open(session).await?;
    let Target { item, state } = desk.find(&id).await?;
    let ui = session.ui;
    let live = LiveFile::of(session, &item.slug, item.proposal.tool)?;
    let background = Background::of(session, &item.slug, &live).await;
    let risks = background.risks(&item.proposal);
    let preview = live.preview(&item.proposal);
    match session.format {
        Format::Json => ui.json(&ShownObject::new(&item, &risks, &preview))?,
        Format::Human => {
            let mut lines = card::lines(&item, &risks, &preview, ui.wrap_columns(Stream::Data));
            lines.extend(standing(&state));
            ui.data(&lines);
        }
    }
    if matches!(state, State::Pending | State::BeingDecided) && !ui.is_closed() {
        shown::remember_change(session, &item, &live).await;
    }
    if id.accepts(&item.digest) {
        return Ok(Exit::DONE);
    }
    let error = CliError::new(Kind::Changed, "it is not what that digest was shown for");
    ui.error(&error);
    Ok(Kind::Changed.into())
}

/// Where the proposal is in its life, unless it simply waits.
fn standing(state: &State) -> Option<Line> {
    let standing = match state {
        State::Pending => return None,
        State::BeingDecided => line!["a decision on it is under way"],
        State::Decided(answer) => line!["it is ", answer.response.status],
        State::Withdrawn => line!["it was withdrawn"],
        State::Unreadable => line!["it is ", UNREADABLE],
    };
    Some(standing.painted(Paint::Yellow))
}
