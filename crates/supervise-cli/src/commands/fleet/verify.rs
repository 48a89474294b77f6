//! `supervise fleet verify`: whether a fleet's audit logs are still what was written.

use serde::Serialize;
use supervise_core::{SafeLine, Slug};
use supervise_store::{Fleet, Verified};

use super::{NAME_COLUMNS, Place, bottles, failed};
use crate::error::{CliError, Exit, Kind};
use crate::render::verified::VerifiedObject;
use crate::session::{Format, Session};
use crate::ui::{Line, Paint, line};

const EXAMPLES: &str = "\
Examples:
  supervise fleet verify
  supervise fleet verify --bottle dev
  supervise fleet verify --json > heads.json      kept elsewhere, to compare with

Goes through each bottle's log, also of those that were removed: every entry is compared with its
hash, each hash with the one before, and the last with the head. Exit 1 names the first entry that
is wrong. Whoever owns the database can make a new chain: keep the heads where they can't. The
operators' address will do.";

/// Check that no audit entry of a fleet was changed, removed or inserted
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct BottleObject<'a> {
    bottle_slug: &'a str,
    #[serde(flatten)]
    verified: VerifiedObject<'a>,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let url = args.place.url(session)?;
    let slugs = bottles(&url, session).await?;
    let mut fleet = Fleet::connect(&url).await.map_err(failed)?;
    let mut found = Vec::new();
    for slug in slugs {
        let verified = fleet.audit_verify(&slug).await.map_err(failed)?;
        found.push((slug, verified));
    }
    print(session, &found)?;
    let mut exit = Exit::DONE;
    for (slug, verified) in &found {
        if let Some(problem) = &verified.problem {
            let what = line![slug, ": ", SafeLine::new(&problem.to_string())];
            session.ui.error(&CliError::failed(what));
            exit = Kind::Failed.into();
        }
    }
    Ok(exit)
}

fn print(session: &Session<'_>, found: &[(Slug, Verified)]) -> Result<(), CliError> {
    if session.format == Format::Json {
        let object = |(slug, verified)| BottleObject {
            bottle_slug: Slug::as_str(slug),
            verified: VerifiedObject::new(verified, &[]),
        };
        let objects: Vec<_> = found
            .iter()
            .map(|(slug, verified)| object((slug, verified)))
            .collect();
        return session.ui.json(&objects);
    }
    let whole = found.iter().filter(|(_, verified)| verified.problem.is_none());
    let rows: Vec<Line> = whole.flat_map(|(slug, verified)| lines(slug, verified)).collect();
    session.ui.data(&rows);
    Ok(())
}

/// A log in which nothing is wrong. Its head's hash is on a line of its own, so that it fits every terminal.
fn lines(slug: &Slug, verified: &Verified) -> Vec<Line> {
    let name = line![slug].pad_to(NAME_COLUMNS);
    let Some(head) = &verified.head else {
        return vec![name.and("no entries")];
    };
    vec![
        name.paint(Paint::Green, "whole")
            .and(": ")
            .and(verified.chained)
            .and(" entries are as they were written"),
        line!["  ", SafeLine::new(&head.hash)],
    ]
}
