//! `supervise fleet list`: the bottles of a fleet.

use serde::Serialize;
use supervise_store::FleetBottle;

use super::{NAME_COLUMNS, Place, failed};
use crate::error::{CliError, Exit};
use crate::session::{Format, Session};
use crate::ui::{Line, Paint, line};

const EXAMPLES: &str = "\
Examples:
  supervise fleet list
  supervise fleet list --json | jq '.[] | select(.connections == 0)'

The operators' address will do.";

const STATE_COLUMNS: usize = 40;

/// List a fleet's bottles, whether their sidecars are connected, and what is pending
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct BottleObject<'a> {
    bottle_slug: &'a str,
    role: Option<&'a str>,
    connections: u64,
    pending: u64,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let mut admin = args.place.admin(session).await?;
    let bottles = admin.bottle_list().await.map_err(failed)?;
    admin.close().await;
    let named = |bottle: &&FleetBottle| session.scope.is_empty() || session.scope.contains(&bottle.slug);
    let bottles: Vec<&FleetBottle> = bottles.iter().filter(named).collect();
    match session.format {
        Format::Json => session
            .ui
            .json(&bottles.iter().map(|bottle| object(bottle)).collect::<Vec<_>>())?,
        Format::Human => {
            let rows: Vec<Line> = bottles.iter().map(|bottle| row(bottle)).collect();
            session.ui.data(&rows);
        }
    }
    Ok(Exit::DONE)
}

fn object(bottle: &FleetBottle) -> BottleObject<'_> {
    BottleObject {
        bottle_slug: bottle.slug.as_str(),
        role: bottle.role.as_deref(),
        connections: bottle.connections,
        pending: bottle.pending,
    }
}

fn row(bottle: &FleetBottle) -> Line {
    let name = line![&bottle.slug].pad_to(NAME_COLUMNS);
    let state = match (&bottle.role, bottle.connections) {
        (None, _) => name.paint(Paint::Dim, "removed"),
        (Some(_), 0) => name.paint(Paint::Yellow, "not connected"),
        (Some(_), _) => name.paint(Paint::Green, "connected"),
    };
    state.pad_to(STATE_COLUMNS).and(bottle.pending).and(" pending")
}
