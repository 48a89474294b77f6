//! An effect as it is written down before it is carried out, so that a crash can't leave it unexplained.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::confirm::LiveCheck;

/// What the store keeps for one decision; file and command both, since the configuration may change meanwhile.
const MAX_BYTES: usize = 4 << 20;
const RELOAD_LIMIT: Duration = Duration::from_secs(30);
const REBUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// What a decision does beyond being recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    File(FileChange),
    /// Nothing, since it is there already.
    Already,
    /// Nothing, since it can't be done: the decision is on its way to fail.
    Refused {
        why: String,
    },
}

/// A file replaced whole, and the command that puts it in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileChange {
    pub(crate) kind: FileKind,
    pub(crate) path: PathBuf,
    /// `None`: there was no file.
    pub(crate) before: Option<String>,
    pub(crate) after: String,
    pub(crate) command: Vec<String>,
    /// What the proxy itself must say afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<LiveCheck>,
}

/// Which file, which decides how long its command may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileKind {
    Routes,
    Dockerfile,
}

impl FileKind {
    pub(crate) fn limit(self) -> Duration {
        match self {
            FileKind::Routes => RELOAD_LIMIT,
            FileKind::Dockerfile => REBUILD_LIMIT,
        }
    }

    /// What its command does, for the operator.
    pub(crate) fn doing(self) -> &'static str {
        match self {
            FileKind::Routes => "reloading",
            FileKind::Dockerfile => "rebuilding",
        }
    }
}

impl FileChange {
    /// What is too long to be read back after a crash must not be begun.
    pub(crate) fn check_size(&self) -> Result<(), String> {
        let bytes = self.before.as_ref().map_or(0, String::len) + self.after.len();
        // Escaped as JSON a text may be twice as long, and rarely more.
        if bytes > MAX_BYTES || Effect::File(self.clone()).to_json()?.len() > MAX_BYTES {
            return Err(format!(
                "{}: is too large to be changed safely",
                self.path.display()
            ));
        }
        Ok(())
    }
}

impl Effect {
    pub(crate) fn to_json(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| format!("the change can't be written down: {error}"))
    }

    pub(crate) fn from_json(text: &str) -> Result<Effect, String> {
        serde_json::from_str(text).map_err(|error| format!("its plan can't be read: {error}"))
    }
}
