//! `supervise list`: what every bottle is asking for.

use time::OffsetDateTime;

use crate::error::{CliError, Exit, Kind};
use crate::inbox::{self, Inbox, Item};
use crate::recover;
use crate::render::list::rows;
use crate::render::objects::ProposalObject;
use crate::session::{Format, Session};
use crate::shown;
use crate::ui::{Line, Ui, line};

const EXAMPLES: &str = "\
Examples:
  supervise list
  supervise list --bottle dev --bottle ci
  supervise list --json | jq -r '.[] | .id + \"@\" + .digest'

Each proposal has two lines: its age, bottle, tool and what it asks for; below that its id and
digest, to be copied into `supervise approve` or `show`, and the start of the agent's reason.
Nothing is created or changed, except that what was shown is remembered, and a decision that a
crash interrupted is finished or undone.";

/// Show what is pending in every bottle, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let mut inbox = inbox::read(session).await?;
    recover::settle(session, &mut inbox).await?;
    print(session, &inbox.items)?;
    explain(session.ui, &inbox);
    if !session.ui.is_closed() {
        shown::remember(session, &inbox.items).await;
    }
    Ok(if inbox.troubles.is_empty() {
        Exit::DONE
    } else {
        Kind::Failed.into()
    })
}

/// Prints proposals as a list. Shared with the verbs that list before they ask.
fn print(session: &Session<'_>, items: &[Item]) -> Result<(), CliError> {
    let ui = session.ui;
    match session.format {
        Format::Json => ui.json(&items.iter().map(ProposalObject::new).collect::<Vec<_>>()),
        Format::Human => {
            ui.data(&rows(items, ui.out_columns(), OffsetDateTime::now_utc()));
            if items.is_empty() {
                ui.say(&[line!["nothing is pending"]]);
            }
            Ok(())
        }
    }
}

/// Says what the list could not show.
pub(crate) fn explain(ui: &Ui, inbox: &Inbox) {
    let warn = |line: &Line| ui.warn(line.clone());
    inbox.notices.iter().for_each(warn);
    inbox.troubles.iter().for_each(warn);
}
