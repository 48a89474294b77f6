//! `supervise approve`: says yes to exactly what was shown.

use supervise_store::Verdict;

use super::several::{self, Dangers, Intention, Several};
use crate::error::{CliError, Exit};
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  supervise approve 3f2a                            the one that `list` or `show` showed
  supervise approve 3f2a@9c41d0e7a2b35566 7b10@55aa01f2 --json
  supervise approve 3f2a --notes 'until Friday'
  supervise approve --all --bottle dev              lists them and asks once

What carries a danger is left out of --all, unless --include-dangerous says otherwise.

What changed since it was shown is not approved, nor is anything if the file it would change has
changed since `show` or `review` showed the difference: it is shown again, and the exit code is 5.
Look at it with `supervise show`, then approve it.";

/// Approve proposals as they were shown
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Several,
    /// With --all: also what carries a danger
    #[arg(long, conflicts_with = "ids")]
    include_dangerous: bool,
    /// A word to the agent
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    notes: String,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let intention = Intention {
        verdict: Verdict::Approve,
        notes: Some(args.notes),
        via: "supervise approve",
        sticky: None,
        question: "approve all of these?",
        dangers: if args.include_dangerous {
            Dangers::Include
        } else {
            Dangers::Skip
        },
    };
    several::decide(session, args.which, intention).await
}
