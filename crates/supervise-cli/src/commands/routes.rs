//! `supervise routes`: the live routes of a bottle.

use clap::Subcommand;
use supervise_core::{RouteEntry, Routes, SafeLine, Slug, Tool};

use crate::apply::LiveFile;
use crate::error::{CliError, Exit, Kind};
use crate::session::{Format, Session};
use crate::ui::{Line, Paint, line};

const EXAMPLES: &str = "\
Examples:
  supervise routes show dev
  supervise routes show dev --json | jq -r '.[].host'

The file is the one that [egress] in supervise.toml names.";

/// Look at a bottle's live routes
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Show(Show),
}

/// List the routes of the bottle's file, in its order
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    /// The bottle
    slug: Slug,
}

pub(crate) fn run(verb: Verb, session: &Session<'_>) -> Result<Exit, CliError> {
    let Verb::Show(Show { slug }) = verb;
    let routes = read(session, &slug)?;
    match session.format {
        Format::Json => session.ui.json(&routes)?,
        Format::Human => session.ui.data(&rows(&routes)),
    }
    if routes.entries().is_empty() && session.format == Format::Human {
        session.ui.say(&[line!["no routes"]]);
    }
    Ok(Exit::DONE)
}

fn read(session: &Session<'_>, slug: &Slug) -> Result<Routes, CliError> {
    match LiveFile::of(session, slug, Tool::EgressAllow)? {
        LiveFile::NotConfigured => {
            let error = CliError::usage("no routes file is configured");
            Err(error.hint("name it as routes_file under [egress] in supervise.toml"))
        }
        LiveFile::Refused(why) => Err(CliError::failed(SafeLine::new(&why))),
        LiveFile::Found { path, text: None, .. } => {
            let path = SafeLine::new(&path.to_string_lossy());
            Err(CliError::new(
                Kind::Missing,
                line![path, ": there is no such file"],
            ))
        }
        LiveFile::Found {
            path,
            text: Some(text),
            ..
        } => Routes::parse(&text).map_err(|error| {
            let path = SafeLine::new(&path.to_string_lossy());
            CliError::failed(line![path, ": ", SafeLine::new(&error.to_string())])
        }),
    }
}

fn rows(routes: &Routes) -> Vec<Line> {
    let hosts: Vec<SafeLine> = routes
        .entries()
        .iter()
        .map(|entry| SafeLine::new(&entry.host))
        .collect();
    let width = hosts.iter().map(|host| line![host].width()).max().unwrap_or(0);
    let rows = routes.entries().iter().zip(&hosts);
    rows.map(|(entry, host)| {
        line![]
            .paint(Paint::Bold, host)
            .pad_to(width + 2)
            .join(allowed(entry))
    })
    .collect()
}

fn allowed(entry: &RouteEntry) -> Line {
    let paths = match entry.path_allowlist.as_slice() {
        [] => line!["every path"],
        paths => line![SafeLine::new(&paths.join(" "))],
    };
    match &entry.auth {
        Some(auth) => paths
            .and(", with ")
            .and(SafeLine::new(&auth.token_ref))
            .and(" as ")
            .and(SafeLine::new(&auth.scheme)),
        None => paths,
    }
}
