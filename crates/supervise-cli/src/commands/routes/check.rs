//! `supervise routes check`: whether the routes are those that were decided.

use supervise_core::{Slug, Traced};

use super::compared::Compared;
use crate::error::{CliError, Exit, Kind};
use crate::render::traced::{CheckedObject, drift};
use crate::session::{Format, Session};
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise routes check dev
  supervise routes check dev --json | jq -r '.unexplained[].host'

Goes through the bottle's audit log and compares what it let through with the routes file. Exit 1
means drift: `not explained` is in the file and no entry put it there (somebody wrote it by hand, or
it was there before the first entry); `gone` and `narrowed` were put in by the entry named, and no
entry took them out. Nothing is changed.

An entry that shows only a part of what it did is said to be not understood, and explains nothing.
With --json one object: drift, unexplained, gone, not_understood and unsettled.";

/// Find routes that nobody decided, and decisions that are not in the file
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The bottle
    slug: Slug,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let slug = &args.slug;
    let compared = Compared::of(session, slug).await?;
    let (traced, entries) = (&compared.traced, &compared.entries);
    match session.format {
        Format::Json => {
            let object = CheckedObject::new(slug, traced, entries, compared.is_unsettled);
            session.ui.json(&object)?;
        }
        Format::Human => session.ui.data(&drift(traced, entries)),
    }
    if !traced.is_explained() {
        session.ui.error(&drifted(slug, traced));
        return Ok(Kind::Failed.into());
    }
    if session.format == Format::Human {
        let count = traced.routes.len();
        let what = line![
            slug,
            ": ",
            count,
            " routes, all of them explained by the audit log"
        ];
        session.ui.say(&[what]);
    }
    Ok(Exit::DONE)
}

fn drifted(slug: &Slug, traced: &Traced) -> CliError {
    let unexplained = traced.routes.iter().filter(|route| route.unexplained().is_some());
    let (unexplained, gone) = (unexplained.count(), traced.gone.len());
    let what = line!["the routes of ", slug, " have drifted: "];
    let error = CliError::failed(
        what.and(unexplained)
            .and(" not explained, ")
            .and(gone)
            .and(" gone"),
    );
    let edit = line!["`supervise routes edit ", slug, "`"];
    error.hint(match (unexplained, gone) {
        (0, _) => line!["put back what is still wanted with "]
            .join(edit)
            .and("; put in and taken out again there, it is no longer missed"),
        _ => line!["take out what nobody should have with "]
            .join(edit)
            .and("; what is right is explained once it was taken out and put back there"),
    })
}
