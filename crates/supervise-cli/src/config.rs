//! `supervise.toml`: what approving changes. Nothing in it has a default.

mod read;

use std::path::PathBuf;

use serde::Deserialize;
use supervise_core::{Root, Slug};

use crate::apply::Introspection;
use crate::error::CliError;

/// The whole file; without one nothing is configured.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// How the operator signs, beside the name that the system has for them.
    pub(crate) operator: Option<String>,
    pub(crate) egress: Option<Egress>,
    pub(crate) capability: Option<Capability>,
    #[serde(rename = "notify")]
    _notify: Option<Notify>,
}

/// Where routes are written, and what makes the proxy read them again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Egress {
    pub(crate) routes_file: String,
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
    pub(crate) dockerfile: String,
    pub(crate) rebuild: Vec<String>,
}

/// Checked, so that a file written today is good tomorrow; nothing is run yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notify {
    #[serde(rename = "command")]
    _command: Vec<String>,
}

impl Config {
    /// Reads the root's file. A file that others could write, or that says what isn't known, is a usage error.
    pub(crate) fn load(root: &Root) -> Result<Config, CliError> {
        read::load(&root.config())
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
        let mut command: Vec<String> = written.iter().map(|part| self.filled(part)).collect();
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
