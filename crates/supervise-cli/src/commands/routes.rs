//! `supervise routes`: the live routes of a bottle.

mod check;
mod compared;
mod edit;
mod live;
mod show;

use clap::Subcommand;

use crate::error::{CliError, Exit};
use crate::session::Session;

/// Look at a bottle's live routes, edit them, and find what nobody decided
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Show(show::Args),
    Edit(edit::Args),
    Check(check::Args),
}

pub(crate) async fn run(verb: Verb, session: &Session<'_>) -> Result<Exit, CliError> {
    match verb {
        Verb::Show(args) => show::run(args, session).await,
        Verb::Edit(args) => edit::run(args, session).await,
        Verb::Check(args) => check::run(args, session).await,
    }
}
