//! `supervise reject`: says no, and why.

use supervise_store::{Sticky, Verdict};

use super::several::{self, Dangers, Intention, Several};
use crate::error::{CliError, Exit};
use crate::session::Session;
use crate::span::sticky;

const EXAMPLES: &str = "\
Examples:
  supervise reject 3f2a --notes 'use the mirror at pypi.example.com instead'
  supervise reject 3f2a                                   asks for the notes
  supervise reject --all --bottle dev --notes 'not today'
  supervise reject 3f2a --notes 'never this one' --sticky 7d
  supervise reject 3f2a --notes 'ask again when the build is green' --sticky 0

The agent reads the notes, so a good one says what to do instead. It gets the same answer at once
when it asks for exactly the same again, for ten minutes unless --sticky or supervise.toml says
otherwise; `supervise reopen` ends that.";

/// Reject proposals, with a word to the agent
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Several,
    /// Why, and what to do instead; asked for when left out
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
    /// How long asking the same again is refused, such as 90s, 10m, 2h or 7d; 0 not at all
    #[arg(long, value_name = "DURATION", value_parser = sticky)]
    sticky: Option<Sticky>,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    if args.notes.is_none() {
        session.require_operator("a rejection wants notes", "give them with --notes TEXT")?;
    }
    let intention = Intention {
        verdict: Verdict::Reject,
        notes: args.notes,
        via: "supervise reject",
        sticky: args.sticky,
        question: "reject all of these?",
        dangers: Dangers::Include,
    };
    several::decide(session, args.which, intention).await
}
