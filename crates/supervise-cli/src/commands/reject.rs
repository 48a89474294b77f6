//! `supervise reject`: says no, and why.

use supervise_store::Verdict;

use super::several::{self, Dangers, Intention, Several};
use crate::error::{CliError, Exit};
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  supervise reject 3f2a --notes 'use the mirror at pypi.example.com instead'
  supervise reject 3f2a                                   asks for the notes
  supervise reject --all --bottle dev --notes 'not today'

The agent reads the notes, so a good one says what to do instead.";

/// Reject proposals, with a word to the agent
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Several,
    /// Why, and what to do instead; asked for when left out
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    if args.notes.is_none() {
        session.require_operator("a rejection wants notes", "give them with --notes TEXT")?;
    }
    let intention = Intention {
        verdict: Verdict::Reject,
        notes: args.notes,
        via: "supervise reject",
        question: "reject all of these?",
        dangers: Dangers::Include,
    };
    several::decide(session, args.which, intention).await
}
