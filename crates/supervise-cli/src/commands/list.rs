//! `supervise list`: what every bottle is asking for.

use std::collections::BTreeMap;

use supervise_core::Risk;
use time::OffsetDateTime;

use crate::error::{CliError, Exit, Kind};
use crate::inbox::{self, Inbox, Item};
use crate::recover;
use crate::render::list::rows;
use crate::render::objects::ProposalObject;
use crate::risks::{Background, worst};
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
`!!` marks one that carries a danger and `!` one with a warning; `supervise show` has the text, and
alone knows what was decided before: a host refused earlier, a credential used earlier.
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

fn print(session: &Session<'_>, items: &[Item]) -> Result<(), CliError> {
    let ui = session.ui;
    let judged = judged(session, items);
    match session.format {
        Format::Json => ui.json(&objects(&judged)),
        Format::Human => {
            ui.data(&human(&judged, ui.out_columns()));
            if items.is_empty() {
                ui.say(&[line!["nothing is pending"]]);
            }
            Ok(())
        }
    }
}

/// Each item with its risks, judged against the live files of its bottle. Looking up every bottle's history, too,
/// would keep a list waiting.
fn judged<'a>(session: &Session<'_>, items: &'a [Item]) -> Vec<(&'a Item, Vec<Risk>)> {
    let mut backgrounds = BTreeMap::new();
    let mut judge = |item: &'a Item| {
        let background = backgrounds
            .entry(&item.slug)
            .or_insert_with(|| Background::live(session, &item.slug));
        (item, background.risks(&item.proposal))
    };
    items.iter().map(&mut judge).collect()
}

fn objects<'a>(judged: &'a [(&'a Item, Vec<Risk>)]) -> Vec<ProposalObject<'a>> {
    let object = |(item, risks): &'a (&'a Item, Vec<Risk>)| ProposalObject::new(item, risks);
    judged.iter().map(object).collect()
}

/// Proposals as rows. Shared with the verbs that list before they ask.
pub(crate) fn human(judged: &[(&Item, Vec<Risk>)], columns: usize) -> Vec<Line> {
    let with_worst: Vec<_> = judged.iter().map(|(item, risks)| (*item, worst(risks))).collect();
    rows(&with_worst, columns, OffsetDateTime::now_utc())
}

/// Says what the list could not show.
pub(crate) fn explain(ui: &Ui, inbox: &Inbox) {
    let warn = |line: &Line| ui.warn(line.clone());
    inbox.notices.iter().for_each(warn);
    inbox.troubles.iter().for_each(warn);
}
