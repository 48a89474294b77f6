//! `supervise audit export`: whole entries as JSON Lines, on stdout or in files.

mod folder;

use std::path::PathBuf;

use supervise_store::{AuditFilter, Host};

use super::choice::Choice;
use super::pages::Pages;
use crate::error::{CliError, Exit};
use crate::render::export::{ExportObject, Marks, masked};
use crate::session::Session;
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise audit export > audit.jsonl && supervise audit verify --file audit.jsonl
  supervise audit export --dir ~/.bot-bottle/audit
  supervise audit export --bottle dev --since 30d | jq -c 'select(.operator_action == \"rejected\")'
  supervise audit export --mask > for-the-ticket.jsonl

Each line has prev, hash and link beside the entry, so that `audit verify --file` can check it anywhere.
Of a part of the log (--bottle, --since and so on, or one file of --dir) each line can be checked alone,
and with --mask none. Every line says so of itself, in `filtered` and `masked`.
--dir writes DIR/<component>-<bottle>.log, each file at once and 0600. A file that is there already is
replaced if the new one begins with all of it, and otherwise only with --force.";

/// Print every audit entry as a line of JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Write a file for each component of each bottle instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Replace files of other content
    #[arg(long, requires = "dir")]
    force: bool,
    /// Mask what looks like a secret; what was masked can't be verified any more
    #[arg(long)]
    mask: bool,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let filter = args.choice.filter();
    let is_part = !session.scope.is_empty() || filter != AuditFilter::default() || args.dir.is_some();
    let marks = Marks {
        filtered: is_part,
        masked: args.mask,
    };
    if marks.masked {
        session
            .ui
            .warn(line!["secrets are masked: this export can't be verified"]);
    }
    let Some(host) = Host::open_read_only(&session.root).await? else {
        return Ok(Exit::DONE);
    };
    if let Some(dir) = args.dir {
        let other = if args.force {
            folder::Other::Replace
        } else {
            folder::Other::Refuse
        };
        return folder::export(&host, session, &filter, marks, &dir, other).await;
    }
    let mut pages = Pages::new(&host, session, filter);
    loop {
        let entries = pages.next().await?;
        if entries.is_empty() || session.ui.is_closed() {
            return Ok(Exit::DONE);
        }
        for entry in &entries {
            session
                .ui
                .json(&ExportObject::new(&masked(entry, marks), marks))?;
        }
    }
}
