//! `supervise routes`: the live routes of a bottle.

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
}

pub(crate) async fn run(verb: Verb, session: &Session<'_>) -> Result<Exit, CliError> {
    match verb {
        Verb::Show(args) => show::run(args, session),
        Verb::Edit(args) => edit::run(args, session).await,
    }
}
