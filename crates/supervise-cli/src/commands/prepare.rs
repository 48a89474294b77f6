//! `supervise prepare`: makes a bottle's queue directory and says how to mount it.

use supervise_core::{QUEUE_DIR_IN_CONTAINER, SafeLine, Slug};

use crate::error::{CliError, Exit};
use crate::session::{Format, Session};
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise prepare dev
  supervise prepare dev --json | jq -r .queue_dir

Mount the directory, not the database in it.";

/// Make the queue directory of a new bottle
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The bottle's name
    slug: Slug,
}

pub(crate) fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let plan = supervise_store::prepare(&session.root, &args.slug)?;
    if session.format == Format::Json {
        session.ui.json(&plan)?;
        return Ok(Exit::DONE);
    }
    let dir = SafeLine::new(&plan.queue_dir.to_string_lossy());
    session.ui.data(&[
        line!["bottle           ", &args.slug],
        line!["queue directory  ", dir],
        line!["mounted at       ", QUEUE_DIR_IN_CONTAINER],
    ]);
    Ok(Exit::DONE)
}
