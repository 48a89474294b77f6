//! `supervise audit`: what was decided, by whom, and why; and whether that is still what was written.

pub(super) mod choice;
mod export;
mod follow;
mod list;
mod moment;
mod pages;
mod verify;

use clap::Subcommand;

use crate::error::{CliError, Exit};
use crate::session::Session;

/// Read, check and export the audit log
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(list::Args),
    Verify(verify::Args),
    Export(export::Args),
}

pub(crate) async fn run(verb: Verb, session: &Session<'_>) -> Result<Exit, CliError> {
    match verb {
        Verb::List(args) => list::run(args, session).await,
        Verb::Verify(args) => verify::run(args, session).await,
        Verb::Export(args) => export::run(args, session).await,
    }
}
