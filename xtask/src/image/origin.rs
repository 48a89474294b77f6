//! Which sources an image was built from, and the time that stands in for "now" in everything it contains.

use std::env;
use std::process::Command;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::command::{self, Failed, say};

/// <https://reproducible-builds.org/specs/source-date-epoch/>
const VARIABLE: &str = "SOURCE_DATE_EPOCH";

pub(super) struct Origin {
    /// Seconds since 1970: `SOURCE_DATE_EPOCH`, else when the commit was made.
    pub(super) at: u64,
    /// The commit, with `-dirty` behind it if the checkout differs from it.
    pub(super) revision: String,
}

impl Origin {
    /// Sources without git come with the time in the variable, or they are from 1970.
    pub(super) fn read() -> Result<Origin, Failed> {
        let mut inside = Command::new("git");
        inside.args(["rev-parse", "--verify", "HEAD"]);
        let known = command::succeeds(&mut inside);
        if !known {
            say("no git checkout: the image names no revision");
        }
        Ok(Origin {
            at: match env::var(VARIABLE) {
                Ok(set) => seconds(VARIABLE, &set)?,
                Err(_) if known => seconds("git log", &git(&["log", "-1", "--format=%ct"])?)?,
                Err(_) => 0,
            },
            revision: match known {
                true => git(&["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"])?,
                false => "unknown".to_owned(),
            },
        })
    }

    pub(super) fn created(&self) -> Result<String, Failed> {
        rfc3339(self.at)
    }
}

fn git(arguments: &[&str]) -> Result<String, Failed> {
    let said = command::read(Command::new("git").args(arguments))?;
    Ok(said.trim().to_owned())
}

fn seconds(source: &str, text: &str) -> Result<u64, Failed> {
    text.trim()
        .parse()
        .map_err(|_| Failed::new(format!("{source}: no whole number of seconds: {text:?}")))
}

/// Seconds since 1970 as `1970-01-01T00:00:00Z`.
pub(super) fn rfc3339(seconds: u64) -> Result<String, Failed> {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .ok_or_else(|| Failed::new(format!("no time that can be written: {seconds} s after 1970")))
}
