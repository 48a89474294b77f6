//! `supervise fleet audit`: what was decided in a fleet, by whom, and why.

use supervise_store::{AuditFilter, AuditOrder, AuditRow, Fleet};

use super::{Place, failed};
use crate::commands::audit::choice::Choice;
use crate::error::{CliError, Exit};
use crate::render::audit::rows;
use crate::render::objects::AuditObject;
use crate::session::{Format, Session};
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise fleet audit
  supervise fleet audit --bottle dev --action rejected --since 7d
  supervise fleet audit --json --limit 0 | jq -r '.[].operator_notes'

Every operator's decisions about bottles of the fleet, by time, the latest last. Each bottle has a
log of its own, whose numbers begin with 1. The operators' address will do.";

const ON_A_SCREEN: u32 = 100;

/// List a fleet's audit entries, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// At most this many entries, the latest; 0 means all
    #[arg(long, value_name = "COUNT", default_value_t = ON_A_SCREEN)]
    limit: u32,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let filter = AuditFilter {
        order: AuditOrder::NewestFirst,
        limit: args.limit,
        ..args.choice.filter()
    };
    let mut fleet = Fleet::connect(&args.place.url(session)?).await.map_err(failed)?;
    let entries = read(&mut fleet, session, filter).await?;
    match session.format {
        Format::Json => session
            .ui
            .json(&entries.iter().map(AuditObject::new).collect::<Vec<_>>())?,
        Format::Human => session.ui.data(&rows(&entries, session.ui.out_columns())),
    }
    if entries.is_empty() {
        session.ui.say(&[line!["no entries"]]);
    }
    Ok(Exit::DONE)
}

async fn read(
    fleet: &mut Fleet,
    session: &Session<'_>,
    filter: AuditFilter,
) -> Result<Vec<AuditRow>, CliError> {
    let mut entries = Vec::new();
    if session.scope.is_empty() {
        entries = fleet.audit_page(&filter).await.map_err(failed)?;
    }
    for slug in &session.scope {
        let filter = AuditFilter {
            slug: Some(slug.to_string()),
            ..filter.clone()
        };
        entries.extend(fleet.audit_page(&filter).await.map_err(failed)?);
    }
    entries.reverse();
    if session.scope.len() > 1 {
        entries.sort_by(|one, other| one.entry.timestamp.cmp(&other.entry.timestamp));
        let more = match filter.limit {
            0 => 0,
            limit => entries
                .len()
                .saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX)),
        };
        entries.drain(..more);
    }
    Ok(entries)
}
