//! `supervise fleet init`: makes the schema and the roles, or brings them up to date.

use std::path::{Path, PathBuf};

use serde::Serialize;
use supervise_core::SafeLine;

use super::{Place, failed, print};
use crate::config::{Openness, owned_text};
use crate::error::{CliError, Exit, Kind};
use crate::queues::Queues;
use crate::session::{Format, Session};
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise fleet init --url postgres://postgres@db.example/fleet
  supervise fleet init --operator-password-file ~/fleet.password

The database must be there, and be for nothing else. A superuser is needed: only one can keep
everybody from taking advisory locks. It can be run again, after an update too.

The operators' address is printed if its password was made by this run, and written into queues.toml
under the root if no fleet is named there.";

/// Make a fleet's schema and roles, or bring them up to date
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// The operators' password; without one it is made up, once
    #[arg(long, value_name = "FILE")]
    operator_password_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Initialised<'a> {
    operator_url: Option<&'a str>,
    written: bool,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let given = args.operator_password_file.as_deref().map(password).transpose()?;
    let mut admin = args.place.admin(session).await?;
    let url = admin.init(given.as_deref()).await.map_err(failed)?;
    admin.close().await;
    let written = match &url {
        Some(url) => Queues::set(&session.root, "fleet", "url", url.expose(), |queues| {
            queues.fleet.is_some()
        })?,
        None => false,
    };
    // A password that was given is known.
    let shown = url.as_ref().filter(|_| given.is_none());
    match (session.format, shown) {
        (Format::Json, shown) => session.ui.json(&Initialised {
            operator_url: shown.map(|url| url.expose()),
            written,
        })?,
        (Format::Human, Some(url)) => print(url, session),
        (Format::Human, None) => {}
    }
    session.ui.say(&[match (&url, written) {
        (_, true) => line!["the fleet is set up, and named in queues.toml"],
        (Some(_), false) => line!["the fleet is set up; queues.toml names one already and is left as it is"],
        (None, false) => line!["the fleet is up to date"],
    }]);
    Ok(Exit::DONE)
}

fn password(path: &Path) -> Result<String, CliError> {
    let shown = SafeLine::new(&path.to_string_lossy());
    let text = owned_text(path, Openness::Private)?
        .ok_or_else(|| CliError::new(Kind::Missing, line![&shown, " doesn't exist"]))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || !password.bytes().all(|b| b.is_ascii_graphic()) {
        let why = line![shown, " must hold one line of printable ASCII without blanks"];
        return Err(CliError::usage(why));
    }
    Ok(password.to_owned())
}
