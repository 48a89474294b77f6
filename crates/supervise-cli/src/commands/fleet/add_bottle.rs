//! `supervise fleet add-bottle`: makes a bottle's role, and prints the address for its sidecar once.

use serde::Serialize;
use supervise_core::Slug;
use supervise_store::StoreError;

use super::{Place, failed, print};
use crate::error::{CliError, Exit, Kind};
use crate::session::{Format, Session};
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise fleet add-bottle dev
  supervise fleet add-bottle dev --new-password      when the address is lost, or known to others
  supervise fleet add-bottle dev --json | jq -r .url

The address is the sidecar's SUPERVISE_QUEUE_URL. It holds the password, which can't be had again.";

/// Make a bottle's role, and print the address for its sidecar
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The bottle's name
    slug: Slug,
    /// Give a bottle that is there a new password, and end its connections
    #[arg(long)]
    new_password: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Added<'a> {
    bottle_slug: &'a str,
    url: &'a str,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let mut admin = args.place.admin(session).await?;
    let url = if args.new_password {
        let renewed = admin.bottle_renew(&args.slug).await.map_err(failed)?;
        renewed.ok_or_else(|| CliError::new(Kind::Missing, line!["the fleet has no bottle ", &args.slug]))?
    } else {
        admin.bottle_add(&args.slug).await.map_err(|error| match error {
            StoreError::Exists { .. } => {
                CliError::failed(line!["the fleet has a bottle ", &args.slug, " already"])
                    .hint("--new-password prints a new address, and ends the connections of the old one")
            }
            other => failed(other),
        })?
    };
    admin.close().await;
    match session.format {
        Format::Json => session.ui.json(&Added {
            bottle_slug: args.slug.as_str(),
            url: url.expose(),
        })?,
        Format::Human => print(&url, session),
    }
    Ok(Exit::DONE)
}
