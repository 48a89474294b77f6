//! `supervise fleet remove-bottle`: takes a bottle's role away; what it asked for and its audit log stay.

use supervise_core::Slug;

use super::{Place, failed};
use crate::error::{CliError, Exit, Kind};
use crate::prompt::{self, YesOrNo};
use crate::session::{Consent, Session};
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise fleet remove-bottle dev --yes

Its sidecar's connections end. What it asked for stays and can still be decided; so does its audit
log. `add-bottle` lets it in again, with a new address.";

/// Take a bottle's role away
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The bottle's name
    slug: Slug,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    if session.consent == Consent::ToAsk {
        session.require_operator("who is locked out has to be confirmed", "confirm it with --yes")?;
        session.ui.say(&[line![
            "the connections of ",
            &args.slug,
            " end, and its address opens nothing"
        ]]);
        if prompt::yes_or_no(session, "lock it out?").await? == YesOrNo::No {
            return Ok(Exit::DONE);
        }
    }
    let mut admin = args.place.admin(session).await?;
    let removed = admin.bottle_remove(&args.slug).await.map_err(failed)?;
    admin.close().await;
    if !removed {
        let what = line!["the fleet has no bottle ", &args.slug];
        return Err(CliError::new(Kind::Missing, what));
    }
    session.ui.say(&[line!["removed ", &args.slug]]);
    Ok(Exit::DONE)
}
