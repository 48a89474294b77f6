//! `supervise routes show`: the routes of a bottle's file, in its order, and where each came from.

use supervise_core::Slug;

use super::compared::Compared;
use crate::error::{CliError, Exit};
use crate::render::traced::{RouteObject, rows};
use crate::session::{Format, Session};
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise routes show dev
  supervise routes show dev --json | jq -r '.[].host'

The file is the one that [egress] in supervise.toml names. Behind each route, or each part of one,
stands the audit entry that put it in, when, and by whom; `not from here` is what no entry explains.";

/// List the routes of the bottle's file, in its order, and where each came from
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The bottle
    slug: Slug,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let Compared { traced, entries, .. } = Compared::of(session, &args.slug).await?;
    match session.format {
        Format::Json => {
            let routes = traced.routes.iter();
            let objects: Vec<_> = routes.map(|route| RouteObject::new(route, &entries)).collect();
            session.ui.json(&objects)?;
        }
        Format::Human => session.ui.data(&rows(&traced.routes, &entries)),
    }
    if traced.routes.is_empty() && session.format == Format::Human {
        session.ui.say(&[line!["no routes"]]);
    }
    Ok(Exit::DONE)
}
