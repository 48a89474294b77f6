//! One decision on several proposals: each is tried, and each has its line of output.

use std::collections::BTreeMap;

use supervise_core::{Digest, Level, Risk};
use supervise_store::{Decided, Sticky, Verdict};

use crate::apply::LiveFile;
use crate::decide::Decision;
use crate::desk::Desk;
use crate::error::{CliError, Exit, Kind};
use crate::id::IdArgument;
use crate::inbox::{self, Item};
use crate::prompt::{self, YesOrNo};
use crate::recover;
use crate::report;
use crate::risks::{Background, Earlier, worst};
use crate::session::{Consent, Session};
use crate::signals::interrupted;
use crate::ui::{Line, Paint, Stream, line};

use super::list::{explain, human};

/// Which proposals: some by their ids, or all of a bottle.
#[derive(Debug, clap::Args)]
pub(crate) struct Several {
    /// The proposals, each as ID or ID@DIGEST
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<String>,
    /// All that are pending in the bottles named with --bottle
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

/// What the operator wants done with each.
pub(crate) struct Intention {
    pub(crate) verdict: Verdict,
    /// `None`: to be asked for, once, when there is something to decide.
    pub(crate) notes: Option<String>,
    pub(crate) via: &'static str,
    /// How long a rejection sticks; `None`: as configured.
    pub(crate) sticky: Option<Sticky>,
    /// Asked once where all are meant.
    pub(crate) question: &'static str,
    /// Those that carry a danger, where all are meant.
    pub(crate) dangers: Dangers,
}

/// What happens to proposals that carry a danger and were not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dangers {
    Skip,
    Include,
}

impl Intention {
    /// `shown` is the file to be changed, where its change was shown. A rejection changes none.
    async fn decision(&mut self, session: &Session<'_>, shown: Option<Digest>) -> Result<Decision, CliError> {
        let notes = match &self.notes {
            Some(notes) => notes.clone(),
            None => self.notes.insert(prompt::notes(session).await?).clone(),
        };
        Ok(Decision {
            verdict: self.verdict.clone(),
            notes,
            via: self.via,
            sticky: self.sticky,
            shown,
        })
    }
}

/// Decides them, one after the other.
pub(crate) async fn decide(
    session: &Session<'_>,
    which: Several,
    mut intention: Intention,
) -> Result<Exit, CliError> {
    if which.all {
        return decide_all(session, intention).await;
    }
    let mut desk = Desk::open(session).await?;
    let mut exit = Exit::DONE;
    for id in &which.ids {
        if session.is_stopped().await {
            return Ok(stop_here(session, exit));
        }
        let decided = decide_named(&mut desk, id, &mut intention).await;
        exit = exit.or(finish(session, id, decided)?);
    }
    Ok(exit)
}

async fn decide_named(desk: &mut Desk<'_>, id: &str, intention: &mut Intention) -> Result<Decided, CliError> {
    let item = desk.undecided(&IdArgument::parse(id)?).await?;
    let shown = match intention.verdict {
        Verdict::Reject => None,
        Verdict::Approve | Verdict::Modify { .. } => desk.unmoved(&item).await?,
    };
    let decision = intention.decision(desk.session, shown).await?;
    desk.decide_or_show(&item, decision).await
}

/// The operator has asked to stop while one was being decided, which has come to its end.
fn stop_here(session: &Session<'_>, exit: Exit) -> Exit {
    let stopped = interrupted();
    session.ui.error(&stopped);
    exit.or(stopped.kind().into())
}

fn finish(session: &Session<'_>, id: &str, decided: Result<Decided, CliError>) -> Result<Exit, CliError> {
    match decided {
        Ok(decided) => report::decided(session, &decided).map(|()| Exit::DONE),
        Err(error) if error.kind() == Kind::Interrupted => Err(error),
        Err(error) => report::failed(session, id, &error),
    }
}

async fn decide_all(session: &Session<'_>, mut intention: Intention) -> Result<Exit, CliError> {
    let listed = list(session, intention.dangers).await?;
    if listed.is_empty() {
        return Ok(Exit::DONE);
    }
    if session.consent == Consent::ToAsk {
        session.require_operator(
            "deciding about all of them has to be confirmed",
            "confirm it with --yes",
        )?;
        if prompt::yes_or_no(session, intention.question).await? == YesOrNo::No {
            session.ui.say(&[line!["nothing was decided"]]);
            return Ok(Exit::DONE);
        }
    }
    let mut desk = Desk::new(session);
    let mut exit = Exit::DONE;
    for listed in &listed {
        if session.is_stopped().await {
            return Ok(stop_here(session, exit));
        }
        let decided = decide_listed(&mut desk, listed, &mut intention).await;
        exit = exit.or(finish(session, &listed.item.proposal.id, decided)?);
    }
    Ok(exit)
}

async fn decide_listed(
    desk: &mut Desk<'_>,
    Listed { item, live }: &Listed,
    intention: &mut Intention,
) -> Result<Decided, CliError> {
    desk.check_shown(item).await?;
    let shown = match intention.verdict {
        Verdict::Reject => None,
        Verdict::Approve | Verdict::Modify { .. } => {
            desk.unmoved(item).await?;
            Some(*live)
        }
    };
    let decision = intention.decision(desk.session, shown).await?;
    desk.decide_or_show(item, decision).await
}

/// What is meant of all that is pending in the named bottles, as it was just listed on stderr: stdout is for
/// the decisions.
async fn list(session: &Session<'_>, dangers: Dangers) -> Result<Vec<Listed>, CliError> {
    if session.scope.is_empty() {
        let error = CliError::usage("--all needs --bottle");
        return Err(error.hint("name the bottle whose proposals you mean with --bottle SLUG"));
    }
    let mut inbox = inbox::read(session).await?;
    recover::settle(session, &mut inbox).await?;
    let live = live(session, &inbox.items)?;
    let judged = judged(session, &inbox.items, &live).await;
    let ui = session.ui;
    let columns = ui.wrap_columns(Stream::Talk).unwrap_or(ui.out_columns());
    ui.say(&human(&judged, columns));
    explain(ui, &inbox);
    if judged.is_empty() {
        ui.say(&[line!["nothing is pending"]]);
    }
    Ok(meant(session, judged, live, dangers))
}

/// One that was listed, and the digest of the file by which it was judged.
struct Listed {
    item: Item,
    live: Digest,
}

/// Each item's live file, read once: what moves from here on was neither judged nor is it changed.
fn live(session: &Session<'_>, items: &[Item]) -> Result<Vec<LiveFile>, CliError> {
    let live = |item: &Item| LiveFile::of(session, &item.slug, item.proposal.tool);
    items.iter().map(live).collect()
}

/// Each item with its risks, judged against its bottle's past.
async fn judged<'a>(
    session: &Session<'_>,
    items: &'a [Item],
    live: &[LiveFile],
) -> Vec<(&'a Item, Vec<Risk>)> {
    let mut past = BTreeMap::new();
    for slug in &session.scope {
        past.insert(slug, Earlier::read(session, slug).await);
    }
    let judge = |(item, live): (&'a Item, &LiveFile)| {
        let earlier = past.get(&item.slug).cloned().unwrap_or_default();
        let background = Background::judging(live).beside(earlier);
        (item, background.risks(&item.proposal))
    };
    items.iter().zip(live).map(judge).collect()
}

/// Leaves out what carries a danger, if that isn't meant, and says so.
fn meant(
    session: &Session<'_>,
    judged: Vec<(&Item, Vec<Risk>)>,
    live: Vec<LiveFile>,
    dangers: Dangers,
) -> Vec<Listed> {
    let all = judged.len();
    let is_meant = |risks: &[Risk]| dangers == Dangers::Include || worst(risks) != Some(Level::Danger);
    let listed = |((item, _), live): ((&Item, Vec<Risk>), LiveFile)| Listed {
        item: item.clone(),
        live: live.digest(),
    };
    let meant: Vec<Listed> = judged
        .into_iter()
        .zip(live)
        .filter(|((_, risks), _)| is_meant(risks))
        .map(listed)
        .collect();
    let skipped = all - meant.len();
    if skipped > 0 {
        session.ui.say(&[
            line![skipped, " skipped for a danger, marked !! above"],
            Line::default()
                .paint(Paint::Cyan, "hint: ")
                .and("decide about each in `supervise review`, or add --include-dangerous"),
        ]);
    }
    meant
}
