//! `supervise modify`: approves a file that the operator edited.

use std::path::PathBuf;

use supervise_core::{Proposal, Risk, render_diff};
use supervise_store::{Decided, Verdict};

use crate::apply::LiveFile;
use crate::check::{check_final, mistake};
use crate::danger;
use crate::decide::Decision;
use crate::desk::Desk;
use crate::editor::{self, Draft, Sheet};
use crate::error::{CliError, Exit, Kind};
use crate::id::IdArgument;
use crate::inbox::Item;
use crate::pager;
use crate::prompt::{self, Page, YesOrNo};
use crate::render::card::{self, behind_gutter};
use crate::render::diff;
use crate::report;
use crate::risks::Background;
use crate::session::{Consent, Session};
use crate::source;
use crate::ui::{Line, Paint, line};

/// Lines of a diff that name its two sides.
const DIFF_HEADERS: usize = 2;
/// Said of how a program spelled a payload; an operator spells as they like.
const OF_PROGRAMS: &str = "unusual-spelling";
const EXAMPLES: &str = "\
Examples:
  supervise modify 3f2a                       opens $VISUAL or $EDITOR
  supervise modify 3f2a --file route.json
  supervise show 3f2a --json | jq -r .proposed_file | ./narrow | supervise modify 3f2a --file -

What you write becomes the answer byte for byte. A route may be what `routes edit` takes, an address
or a name of one label too, though no agent may ask for it.
From the editor it is shown with its risks and confirmed first, a danger by a code from the digest,
and a mistake opens it again. Leaving it unchanged approves it as proposed; an empty file decides
nothing.";

/// Approve a proposal in a form you edited
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The proposal, as ID or ID@DIGEST
    id: String,
    /// The final file; - reads it from stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A word to the agent
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    notes: String,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    match decide(&args, session).await {
        Ok(Some(decided)) => report::decided(session, &decided).map(|()| Exit::DONE),
        Ok(None) => {
            session.ui.say(&[line!["nothing was decided"]]);
            Ok(Exit::DONE)
        }
        Err(error) if error.kind() == Kind::Interrupted => Err(error),
        Err(error) => report::failed(session, &args.id, &error),
    }
}

async fn decide(args: &Args, session: &Session<'_>) -> Result<Option<Decided>, CliError> {
    let mut desk = Desk::open(session).await?;
    let item = desk.undecided(&IdArgument::parse(&args.id)?).await?;
    let (verdict, shown) = match &args.file {
        Some(path) => {
            let shown = desk.unmoved(&item).await?;
            (Some(verdict(&item.proposal, source::read(path)?)?), shown)
        }
        None => {
            let live = LiveFile::of(session, &item.slug, item.proposal.tool)?;
            desk.unmoved(&item).await?;
            let background = Background::of(session, &item.slug, &live).await;
            (revise(session, &item, &background).await?, Some(live.digest()))
        }
    };
    let Some(verdict) = verdict else {
        return Ok(None);
    };
    let decision = Decision {
        verdict,
        notes: args.notes.clone(),
        via: "supervise modify",
        sticky: None,
        shown,
    };
    let written = args.file.is_none().then(|| decision.verdict.clone());
    let decided = desk.decide_or_show(&item, decision).await;
    decided.map(Some).map_err(|error| kept(error, &item, written))
}

/// The error, with the place where what was written in the editor is kept.
pub(crate) fn kept(error: CliError, item: &Item, written: Option<Verdict>) -> CliError {
    match written {
        Some(Verdict::Modify { final_file }) => editor::keep(error, Sheet::of(&item.proposal), &final_file),
        _ => error,
    }
}

/// What a final text means.
fn verdict(proposal: &Proposal, text: String) -> Result<Verdict, CliError> {
    if text == proposal.proposed_file {
        return Ok(Verdict::Approve);
    }
    check_final(proposal, &text)?;
    Ok(Verdict::Modify { final_file: text })
}

/// Lets the operator edit the proposal until it is valid, and confirm what they made of it; `None` when they
/// would rather not.
pub(crate) async fn revise(
    session: &Session<'_>,
    item: &Item,
    background: &Background,
) -> Result<Option<Verdict>, CliError> {
    let proposal = &item.proposal;
    let mut draft = Draft::of(proposal);
    loop {
        draft.text = editor::edit(session, Sheet::of(proposal), &draft).await?;
        match verdict(proposal, draft.text.clone()) {
            Ok(verdict) => return confirmed(session, item, background, verdict).await,
            // An editor left empty is the way to give up.
            Err(error) if error.kind() == Kind::Usage => return Err(error),
            Err(error) => {
                session.ui.error(&error);
                if prompt::yes_or_no(session, "edit it again?").await? == YesOrNo::No {
                    return Ok(None);
                }
                draft.mistake = mistake(proposal, &draft.text);
            }
        }
    }
}

/// Shows what the operator changed and what is risky about it now, and asks whether that is meant.
async fn confirmed(
    session: &Session<'_>,
    item: &Item,
    background: &Background,
    verdict: Verdict,
) -> Result<Option<Verdict>, CliError> {
    let proposal = &item.proposal;
    let (final_file, question) = match &verdict {
        Verdict::Modify { final_file } => (final_file, "approve it in this form?"),
        _ => (
            &proposal.proposed_file,
            "it is unchanged; approve it as proposed?",
        ),
    };
    let mut risks = background.risks(&Proposal {
        proposed_file: final_file.clone(),
        ..proposal.clone()
    });
    if matches!(verdict, Verdict::Modify { .. }) {
        risks.retain(|risk| risk.code != OF_PROGRAMS);
    }
    let delta = |columns| delta(proposal, final_file, &risks, columns);
    if pager::say(session, delta).await? != Page::Next {
        return Ok(None);
    }
    if session.consent == Consent::ToAsk && prompt::yes_or_no(session, question).await? == YesOrNo::No {
        return Ok(None);
    }
    // A yes that was given beforehand was given to what nobody had seen yet.
    let dared = danger::is_dared(session, item, &risks).await?;
    Ok((dared == YesOrNo::Yes).then_some(verdict))
}

/// The final form's risks, and proposed to final behind the gutter: most of it is still the agent's text.
pub(crate) fn delta(
    proposal: &Proposal,
    final_file: &str,
    risks: &[Risk],
    columns: Option<usize>,
) -> Vec<Line> {
    let mut lines = card::risks(risks, columns);
    let diff = render_diff(&proposal.proposed_file, final_file, proposal.tool.diff_label());
    if !diff.is_empty() {
        lines.push(line!["proposed (-) and final (+)"].painted(Paint::Dim));
    }
    // The headers would call the proposal current.
    lines.extend(behind_gutter(diff::lines(&diff).skip(DIFF_HEADERS), columns));
    lines
}
