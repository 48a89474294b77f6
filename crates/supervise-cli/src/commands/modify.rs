//! `supervise modify`: approves a file that the operator edited.

use std::path::PathBuf;

use supervise_core::Proposal;
use supervise_store::{Decided, Verdict};

use crate::check::check_final;
use crate::decide::Decision;
use crate::desk::Desk;
use crate::editor;
use crate::error::{CliError, Exit, Kind};
use crate::id::IdArgument;
use crate::report;
use crate::session::Session;
use crate::source;

const EXAMPLES: &str = "\
Examples:
  supervise modify 3f2a                       opens $VISUAL or $EDITOR
  supervise modify 3f2a --file route.json
  supervise show 3f2a --json | jq -r .proposed_file | ./narrow | supervise modify 3f2a --file -

What you write becomes the answer byte for byte, after the same checks as an agent's own input.
Leaving it unchanged approves it as proposed; an empty file decides nothing.";

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
        Ok(decided) => report::decided(session, &decided).map(|()| Exit::DONE),
        Err(error) if error.kind() == Kind::Interrupted => Err(error),
        Err(error) => report::failed(session, &args.id, &error),
    }
}

async fn decide(args: &Args, session: &Session<'_>) -> Result<Decided, CliError> {
    let mut desk = Desk::open(session).await?;
    let item = desk.undecided(&IdArgument::parse(&args.id)?).await?;
    let text = match &args.file {
        Some(path) => source::read(path)?,
        None => editor::edit(session, &item.proposal).await?,
    };
    let verdict = verdict(&item.proposal, text)?;
    desk.decide(
        &item,
        Decision {
            verdict,
            notes: args.notes.clone(),
            via: "supervise modify",
        },
    )
    .await
}

/// What a final text means.
pub(crate) fn verdict(proposal: &Proposal, text: String) -> Result<Verdict, CliError> {
    if text == proposal.proposed_file {
        return Ok(Verdict::Approve);
    }
    check_final(proposal, &text)?;
    Ok(Verdict::Modify { final_file: text })
}
