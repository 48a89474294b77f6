//! `supervise audit list`: entries as a table or as JSON.

use supervise_store::{AuditFilter, Host};

use super::page;
use crate::error::{CliError, Exit};
use crate::render::audit::rows;
use crate::render::objects::AuditObject;
use crate::session::{Format, Session};
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise audit list
  supervise audit list --bottle dev --component egress
  supervise audit list --since-id 120 --limit 20 --json";

/// List audit entries, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only entries of this component: egress, capability, gitleaks
    #[arg(long, value_name = "NAME")]
    component: Option<String>,
    /// Only entries after this one
    #[arg(long, value_name = "ID", default_value_t = 0, hide_default_value = true)]
    since_id: i64,
    /// At most this many entries; 0 means all
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    limit: u32,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let filter = AuditFilter {
        component: args.component,
        after_id: args.since_id,
        limit: args.limit,
        ..AuditFilter::default()
    };
    let entries = match Host::open_read_only(&session.root).await? {
        Some(host) => page(&host, session, &filter).await?,
        None => Vec::new(),
    };
    match session.format {
        Format::Json => session
            .ui
            .json(&entries.iter().map(AuditObject::new).collect::<Vec<_>>())?,
        Format::Human => session.ui.data(&rows(&entries, session.ui.out_columns())),
    }
    if entries.is_empty() && session.format == Format::Human {
        session.ui.say(&[line!["no entries"]]);
    }
    Ok(Exit::DONE)
}
