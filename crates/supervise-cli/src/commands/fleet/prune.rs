//! `supervise fleet prune`: retention of what ended in a fleet's bottles.

use serde::Serialize;
use supervise_core::SafeLine;
use supervise_store::Fleet;
use time::{Duration, OffsetDateTime};

use super::{Place, bottles, failed};
use crate::error::{CliError, Exit};
use crate::prompt::{self, YesOrNo};
use crate::session::{Consent, Format, Session};
use crate::span::span;
use crate::ui::{Line, line};

const EXAMPLES: &str = "\
Examples:
  supervise fleet prune
  supervise fleet prune --older-than 30d --bottle dev --yes
  supervise fleet prune --yes --json             from a timer

Deleted are proposals that were told to their agents and arrived before then, and what was withdrawn
an hour ago or earlier. Never what is pending, nor a rejection that still sticks, nor the audit log.
The operators' address will do.";

/// Delete a fleet's proposals that ended long ago
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How old, such as 90d, 12h or 0
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = span)]
    older_than: Duration,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct PrunedObject {
    bottle_slug: String,
    deleted_proposals: u64,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let url = args.place.url(session)?;
    if session.consent == Consent::ToAsk {
        session.require_operator("what is deleted has to be confirmed", "confirm it with --yes")?;
        if prompt::yes_or_no(session, "delete the fleet's ended proposals that are so old?").await?
            == YesOrNo::No
        {
            session.ui.say(&[line!["nothing was deleted"]]);
            return Ok(Exit::DONE);
        }
    }
    let slugs = bottles(&url, session).await?;
    let before = OffsetDateTime::now_utc() - args.older_than;
    let mut fleet = Fleet::connect(&url).await.map_err(failed)?;
    let mut pruned = Vec::new();
    for slug in slugs {
        let deleted_proposals = fleet.prune(&slug, before).await.map_err(failed)?;
        if deleted_proposals > 0 {
            pruned.push(PrunedObject {
                bottle_slug: slug.to_string(),
                deleted_proposals,
            });
        }
    }
    if pruned.is_empty() {
        session.ui.say(&[line!["nothing to prune"]]);
    }
    match session.format {
        Format::Json => session.ui.json(&pruned)?,
        Format::Human => {
            let rows: Vec<Line> = pruned.iter().map(PrunedObject::line).collect();
            session.ui.data(&rows);
        }
    }
    Ok(Exit::DONE)
}

impl PrunedObject {
    fn line(&self) -> Line {
        line![
            SafeLine::new(&self.bottle_slug),
            ": deleted ",
            self.deleted_proposals,
            " proposals"
        ]
    }
}
