//! `supervise routes show`: the routes of a bottle's file, in its order.

use supervise_core::Slug;

use super::live::Live;
use crate::error::{CliError, Exit};
use crate::render::routes;
use crate::session::{Format, Session};
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise routes show dev
  supervise routes show dev --json | jq -r '.[].host'

The file is the one that [egress] in supervise.toml names.";

/// List the routes of the bottle's file, in its order
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The bottle
    slug: Slug,
}

pub(super) fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let routes = Live::of(session, &args.slug)?.routes()?;
    match session.format {
        Format::Json => session.ui.json(&routes)?,
        Format::Human => session.ui.data(&routes::rows(&routes)),
    }
    if routes.entries().is_empty() && session.format == Format::Human {
        session.ui.say(&[line!["no routes"]]);
    }
    Ok(Exit::DONE)
}
