//! `supervise.toml`: what deciding changes. What approving does has no default.

mod read;

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use supervise_core::{Root, Slug};
use supervise_store::Sticky;

use crate::apply::Introspection;
use crate::error::CliError;
use crate::span;

pub(crate) use read::{Openness, owned_text, refused};

/// What a notification says; it stands in arguments only.
const SUMMARY: &str = "{summary}";

/// Where nothing else is said.
const TEN_MINUTES: Sticky = match Sticky::from_seconds(600) {
    Some(sticky) => sticky,
    None => Sticky::NONE,
};

/// The whole file; without one nothing is configured.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// How the operator signs, beside the name that the system has for them.
    #[serde(default, deserialize_with = "read::operator")]
    pub(crate) operator: Option<String>,
    pub(crate) egress: Option<Egress>,
    pub(crate) capability: Option<Capability>,
    #[serde(default)]
    pub(crate) reject: Rejection,
    pub(crate) notify: Option<Notification>,
}

/// Where routes are written, and what makes the proxy read them again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Egress {
    #[serde(deserialize_with = "read::file")]
    pub(crate) routes_file: String,
    #[serde(deserialize_with = "read::command")]
    pub(crate) reload: Vec<String>,
    /// Where the proxy says what it lets through.
    pub(crate) introspect: Option<String>,
    /// The forward proxy behind which that address is found.
    pub(crate) proxy: Option<String>,
}

/// Which Dockerfile is replaced, and what builds it again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Capability {
    #[serde(deserialize_with = "read::file")]
    pub(crate) dockerfile: String,
    #[serde(deserialize_with = "read::command")]
    pub(crate) rebuild: Vec<String>,
}

/// What becomes of a rejection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rejection {
    /// How long an identical ask is refused with the same answer.
    #[serde(deserialize_with = "sticky")]
    pub(crate) sticky: Sticky,
}

impl Default for Rejection {
    fn default() -> Self {
        Rejection { sticky: TEN_MINUTES }
    }
}

fn sticky<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sticky, D::Error> {
    let text = String::deserialize(deserializer)?;
    span::sticky(&text).map_err(|error| D::Error::custom(format!("'sticky' is no span of time: {error}")))
}

/// What is run when a proposal arrives. Beside the others `{summary}` stands for its bottle, tool and host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notification {
    #[serde(deserialize_with = "read::notification")]
    pub(crate) command: Vec<String>,
}

impl Config {
    /// Reads the root's file. A file that others could write, or that says what isn't known, is a usage error.
    pub(crate) fn load(root: &Root) -> Result<Config, CliError> {
        read::load(&root.config())
    }

    /// Reads the text of such a file.
    #[cfg(fuzzing)]
    pub(crate) fn parse(text: &str) -> Result<Config, crate::ui::Line> {
        read::parse(text)
    }
}

/// What `{slug}` and `{root}` stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) root: &'a Root,
    pub(crate) slug: &'a Slug,
}

impl Places<'_> {
    /// A path of the file; a relative one starts at the root.
    pub(crate) fn path(self, written: &str) -> PathBuf {
        self.root.path().join(self.filled(written))
    }

    /// A command of the file. A program named by a relative path lies under the root.
    pub(crate) fn command(self, written: &[String]) -> Vec<String> {
        self.rooted(written.iter().map(|part| self.filled(part)).collect())
    }

    /// The command of a notification. What is filled in is not looked through again.
    pub(crate) fn notification(self, written: &[String], summary: &str) -> Vec<String> {
        let filled = |part: &String| {
            let pieces: Vec<String> = part.split(SUMMARY).map(|piece| self.filled(piece)).collect();
            pieces.join(summary)
        };
        self.rooted(written.iter().map(filled).collect())
    }

    fn rooted(self, mut command: Vec<String>) -> Vec<String> {
        if let Some(program) = command.first_mut().filter(|program| program.contains('/')) {
            *program = self
                .root
                .path()
                .join(program.as_str())
                .to_string_lossy()
                .into_owned();
        }
        command
    }

    /// Where to ask the egress proxy, as configured.
    pub(crate) fn introspection(self, egress: &Egress) -> Option<Introspection> {
        let url = self.filled(egress.introspect.as_deref()?);
        let proxy = egress.proxy.as_deref().map(|proxy| self.filled(proxy));
        Some(Introspection { url, proxy })
    }

    fn filled(self, written: &str) -> String {
        // The root last: a directory's name may hold braces of its own.
        written
            .replace("{slug}", self.slug.as_str())
            .replace("{root}", &self.root.path().to_string_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_filled_once_and_never_begins_like_an_option() {
        let (root, slug) = (Root::new("/a/{summary}{slug}"), "dev".parse().unwrap());
        let places = Places {
            root: &root,
            slug: &slug,
        };
        let written = ["bin/tell", "{summary}", "{slug}: {summary}!", "--root={root}"].map(str::to_owned);
        let filled = places.notification(&written, "dev: {root} {slug}");
        let wanted = [
            "/a/{summary}{slug}/bin/tell",
            "dev: {root} {slug}",
            "dev: dev: {root} {slug}!",
            "--root=/a/{summary}{slug}",
        ];
        assert_eq!(filled, wanted);
    }
}
