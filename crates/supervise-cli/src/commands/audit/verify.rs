//! `supervise audit verify`: whether the log is still what was written.

mod file;

use std::path::PathBuf;

use supervise_core::SafeLine;
use supervise_store::{Against, Verified, audit_verify};

use crate::error::{CliError, Exit, Kind};
use crate::render::verified::{VerifiedObject, summary};
use crate::session::{Format, Session};
use crate::ui::{Line, line};

const EXAMPLES: &str = "\
Examples:
  supervise audit verify
  supervise audit verify --anchor /mnt/backup/chain.log
  supervise audit verify --file audit.jsonl --json

Compares every entry with its hash, each hash with the one before, and the last with the anchor,
<root>/audit/chain.log. Exit 1 names the first entry that is wrong, and what is wrong with it.
Nothing is changed. What another program wrote since the last entry of ours isn't in the chain
yet; it is listed, and fails only with --strict.

Whoever can write the whole root can also make a new chain and a new anchor. Keep a copy of the
anchor where they can't, and compare with --anchor; a copy may be as old as you like.";

/// Check that no audit entry was changed, removed or inserted
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Check an export instead; - reads stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Compare with this copy of the anchor
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// Fail also when entries of another program are not in the chain yet
    #[arg(long)]
    strict: bool,
}

/// What was looked at, for the one who reads the answer.
pub(super) struct Answer {
    verified: Verified,
    /// What can't be told from what was looked at.
    limits: Vec<&'static str>,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    if !session.scope.is_empty() {
        let message = "the chain is over every bottle, so --bottle has nothing to choose";
        return Err(CliError::usage(message));
    }
    let answer = match &args.file {
        Some(path) => file::verify(path, args.anchor.as_deref()).await?,
        None => {
            let against = args.anchor.map_or(Against::Anchor, Against::Copy);
            Answer {
                verified: audit_verify(&session.root, &against).await?,
                limits: Vec::new(),
            }
        }
    };
    print(session, &answer)?;
    let strictly = args.strict && answer.verified.unchained.count > 0;
    if strictly && answer.verified.problem.is_none() {
        return Err(CliError::failed(
            "entries are not in the chain yet, which --strict doesn't allow",
        ));
    }
    Ok(answer.exit(session))
}

impl Answer {
    fn exit(&self, session: &Session<'_>) -> Exit {
        let Some(problem) = &self.verified.problem else {
            return Exit::DONE;
        };
        session
            .ui
            .error(&CliError::failed(SafeLine::new(&problem.to_string())));
        Kind::Failed.into()
    }
}

fn print(session: &Session<'_>, answer: &Answer) -> Result<(), CliError> {
    if session.format == Format::Json {
        return session
            .ui
            .json(&VerifiedObject::new(&answer.verified, &answer.limits));
    }
    if answer.verified.problem.is_none() {
        session.ui.data(&summary(&answer.verified));
    }
    let limits: Vec<Line> = answer.limits.iter().map(|limit| line![*limit]).collect();
    session.ui.say(&limits);
    Ok(())
}
