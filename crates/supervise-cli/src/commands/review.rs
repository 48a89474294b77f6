//! `supervise review`: asks about each proposal in turn.

use std::collections::HashSet;
use std::time::Duration;

use supervise_core::{Digest, Risk};
use supervise_store::{Sticky, Verdict};

use super::list::explain;
use super::modify::{kept, revise};
use crate::apply::LiveFile;
use crate::attention;
use crate::danger;
use crate::decide::Decision;
use crate::desk::Desk;
use crate::error::{CliError, Exit, Kind};
use crate::inbox::{self, Inbox, Item};
use crate::notify;
use crate::pager;
use crate::prompt::{self, Choice, Page, Reply, YesOrNo};
use crate::recover;
use crate::render::card;
use crate::report;
use crate::risks::Background;
use crate::session::Session;
use crate::shown;
use crate::signals::{interrupted, stop};
use crate::span::sticky;
use crate::ui::{Paint, line};

const EXAMPLES: &str = "\
Examples:
  supervise review
  supervise review --bottle dev
  supervise review --follow      goes on with new proposals as they come

Answer with one key: a approves, m modifies, r rejects, s skips, q quits, ? explains. Enter alone
skips: nothing is approved by default, nor by what was typed before the question was there. Your
answer counts for what is on the screen; if it changed meanwhile, it is shown again. A card that
doesn't fit the terminal is shown in pages, and one that carries a danger is approved with a code
from its digest. Ctrl-C leaves everything pending. With --follow the
terminal's bell rings when something arrives, and its title has the number. Where TERM is dumb, or single keys can't be had,
it takes a line with the word or its first letter.

The exit code is 0, or that of the first decision that failed; 130 after Ctrl-C.";

const VIA: &str = "supervise review";
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Decide about each pending proposal in turn
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Wait for new proposals when all are done
    #[arg(long)]
    follow: bool,
    /// How long asking for what you reject is refused, such as 90s, 10m, 2h or 7d; 0 not at all
    #[arg(long, value_name = "DURATION", value_parser = sticky)]
    sticky: Option<Sticky>,
}

/// What to do after one proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Next,
    Quit,
    /// It was not decided as the operator meant to.
    Failed(Exit),
    /// What would be changed isn't what the card showed.
    Again,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let hint = "use `supervise list`, then `supervise approve` or `supervise reject`";
    session.require_operator("review asks about each proposal", hint)?;
    if args.follow {
        let review = attention::beside(session, review(args, session));
        return notify::beside(session, review).await;
    }
    review(args, session).await
}

async fn review(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let mut review = Review {
        seen: HashSet::new(),
        told: HashSet::new(),
        waiting: Waiting::No,
    };
    let mut exit = Exit::DONE;
    loop {
        let inbox = review.look(session).await?;
        let left: Vec<&Item> = inbox.items.iter().filter(|item| review.is_new(item)).collect();
        if session.is_stopped().await {
            return Err(interrupted());
        }
        let Some(item) = left.first() else {
            if !args.follow {
                break;
            }
            review.wait(session).await?;
            continue;
        };
        review.waiting = Waiting::No;
        review.seen.insert(item.digest);
        session
            .ui
            .say(&[line![], line![left.len(), " to decide"].painted(Paint::Dim)]);
        let mut step = take(session, item, args.sticky).await?;
        while step == Step::Again {
            step = take(session, item, args.sticky).await?;
        }
        match step {
            Step::Quit => return Ok(exit),
            Step::Failed(failed) => exit = exit.or(failed),
            Step::Next | Step::Again => {}
        }
    }
    session.ui.say(&[line!["that was all"]]);
    Ok(exit)
}

/// Whether the operator was told that review is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    No,
    Told,
}

/// What this review has shown and said. A proposal that changed has another digest and is shown again.
struct Review {
    seen: HashSet<Digest>,
    told: HashSet<String>,
    waiting: Waiting,
}

impl Review {
    /// Reads the inbox; says of each trouble only once.
    async fn look(&mut self, session: &Session<'_>) -> Result<Inbox, CliError> {
        let mut inbox = inbox::read(session).await?;
        recover::settle(session, &mut inbox).await?;
        inbox.notices.retain(|notice| self.told.insert(notice.plain()));
        inbox.troubles.retain(|trouble| self.told.insert(trouble.plain()));
        explain(session.ui, &inbox);
        Ok(inbox)
    }

    fn is_new(&self, item: &Item) -> bool {
        !self.seen.contains(&item.digest)
    }

    async fn wait(&mut self, session: &Session<'_>) -> Result<(), CliError> {
        if self.waiting == Waiting::No {
            session
                .ui
                .say(&[line!["waiting for proposals; Ctrl-C ends"].painted(Paint::Dim)]);
            self.waiting = Waiting::Told;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => Ok(()),
            stopped = stop() => Err(stopped),
        }
    }
}

/// Shows one proposal and asks until it is decided or left.
pub(crate) async fn take(
    session: &Session<'_>,
    item: &Item,
    sticky: Option<Sticky>,
) -> Result<Step, CliError> {
    let live = LiveFile::of(session, &item.slug, item.proposal.tool)?;
    let background = Background::of(session, &item.slug, &live).await;
    let (risks, preview) = (background.risks(&item.proposal), live.preview(&item.proposal));
    let card = |columns| card::lines(item, &risks, &preview, columns);
    loop {
        match pager::say(session, card).await? {
            Page::Next => {}
            // What wasn't read to its end can't be approved, so there is nothing to ask.
            Page::Skip => return Ok(Step::Next),
            Page::Quit => return Ok(Step::Quit),
        }
        shown::remember_change(session, item, &live).await;
        if let Reply::Given(step) = answer(session, item, &background, &risks, sticky, &live).await? {
            return Ok(step);
        }
    }
}

/// Asks about the proposal on the screen until it is decided or left.
async fn answer(
    session: &Session<'_>,
    item: &Item,
    background: &Background,
    risks: &[Risk],
    sticky: Option<Sticky>,
    live: &LiveFile,
) -> Result<Reply<Step>, CliError> {
    loop {
        let Reply::Given(choice) = prompt::choice(session).await? else {
            return Ok(Reply::Redraw);
        };
        let verdict = match choice {
            Choice::Skip => return Ok(Reply::Given(Step::Next)),
            Choice::Quit => return Ok(Reply::Given(Step::Quit)),
            Choice::Approve => {
                let dared = danger::is_dared(session, item, risks).await?;
                Ok((dared == YesOrNo::Yes).then_some(Verdict::Approve))
            }
            Choice::Reject => Ok(Some(Verdict::Reject)),
            Choice::Modify => revise(session, item, background).await,
        };
        match verdict {
            Ok(Some(verdict)) => {
                return decide(session, item, verdict, sticky, live)
                    .await
                    .map(Reply::Given);
            }
            Ok(_) => {}
            // A slip in the editor costs nothing: the question is asked again.
            Err(error) if error.kind() != Kind::Interrupted => session.ui.error(&error),
            Err(error) => return Err(error),
        }
    }
}

async fn decide(
    session: &Session<'_>,
    item: &Item,
    verdict: Verdict,
    sticky: Option<Sticky>,
    live: &LiveFile,
) -> Result<Step, CliError> {
    let notes = match verdict {
        Verdict::Reject => prompt::notes(session).await?,
        Verdict::Approve | Verdict::Modify { .. } => String::new(),
    };
    let mut desk = Desk::new(session);
    let written = Some(verdict.clone());
    match desk
        .decide(
            item,
            Decision {
                verdict,
                notes,
                via: VIA,
                sticky,
                shown: Some(live.digest()),
            },
        )
        .await
    {
        Ok(decided) => report::decided(session, &decided)?,
        Err(error) => {
            let error = kept(error, item, written);
            session.ui.error(&error);
            // Somebody was faster, or it failed: the rest of the inbox is still there to be decided.
            return Ok(match error.kind() {
                Kind::Moved => Step::Again,
                // It has another digest now, so it is shown anew.
                Kind::Changed => Step::Next,
                kind => Step::Failed(kind.into()),
            });
        }
    }
    Ok(Step::Next)
}
