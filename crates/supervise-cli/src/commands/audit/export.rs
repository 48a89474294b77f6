//! `supervise audit export`: whole entries as JSON Lines.

use supervise_store::{AuditFilter, Host};

use super::page;
use crate::error::{CliError, Exit};
use crate::render::objects::AuditObject;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  supervise audit export > audit.jsonl
  supervise audit export --bottle dev | jq -c 'select(.operator_action == \"rejected\")'";

/// Entries held in memory at a time.
const PAGE: u32 = 500;

/// Print every audit entry as a line of JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let Some(host) = Host::open_read_only(&session.root).await? else {
        return Ok(Exit::DONE);
    };
    let mut filter = AuditFilter {
        limit: PAGE,
        ..AuditFilter::default()
    };
    loop {
        let entries = page(&host, session, &filter).await?;
        for entry in &entries {
            session.ui.json(&AuditObject::new(entry))?;
        }
        match entries.last() {
            Some(last) if !session.ui.is_closed() => filter.after_id = last.id,
            _ => return Ok(Exit::DONE),
        }
    }
}
