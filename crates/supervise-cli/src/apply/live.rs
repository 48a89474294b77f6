//! The file that a tool changes as it is now: for the card, for the risks, and to notice that it moved since.

use std::path::PathBuf;

use supervise_core::{Digest, FieldHasher, Proposal, Slug, Tool, render_diff};

use super::target::Target;
use super::{Author, FileKind, Wanted, merged, wanted};
use crate::config::Places;
use crate::error::CliError;
use crate::session::Session;

/// The file behind a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LiveFile {
    NotConfigured,
    Refused(String),
    Found {
        kind: FileKind,
        path: PathBuf,
        /// `None`: there is no file yet.
        text: Option<String>,
    },
}

/// What approving a proposal would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Preview {
    /// The file's diff, or the proposal's own text where no file is configured.
    Diff(String),
    Already(PathBuf),
    /// Why it would fail.
    Refused(String),
}

impl LiveFile {
    /// Reads it without a lock; what is decided is read again under one.
    pub(crate) fn of(session: &Session<'_>, slug: &Slug, tool: Tool) -> Result<LiveFile, CliError> {
        let places = Places {
            root: &session.root,
            slug,
        };
        let Some(wanted) = wanted(session.config()?, places, tool) else {
            return Ok(LiveFile::NotConfigured);
        };
        Ok(LiveFile::read(wanted).unwrap_or_else(LiveFile::Refused))
    }

    fn read(Wanted { kind, path, .. }: Wanted) -> Result<LiveFile, String> {
        let text = Target::open(&path)?.read()?.map(|live| live.text);
        Ok(LiveFile::Found { kind, path, text })
    }

    /// What tells this state of the file from any other: its path counts too, and what keeps it from being read.
    pub(crate) fn digest(&self) -> Digest {
        let hasher = FieldHasher::new(b"supervise-live-v1\0");
        match self {
            LiveFile::NotConfigured => hasher.field("nothing is configured"),
            LiveFile::Refused(why) => hasher.field("refused").field(why),
            LiveFile::Found { path, text, .. } => hasher
                .field("found")
                .field(path.as_os_str().as_encoded_bytes())
                .optional(text.as_deref()),
        }
        .finish()
    }

    /// The text, where there is a file.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            LiveFile::Found { text, .. } => text.as_deref(),
            LiveFile::NotConfigured | LiveFile::Refused(_) => None,
        }
    }

    /// Whether it is a file of that kind.
    pub(crate) fn is_of(&self, wanted: FileKind) -> bool {
        matches!(self, LiveFile::Found { kind, .. } if *kind == wanted)
    }

    /// What approving `proposal` would come to.
    pub(crate) fn preview(&self, proposal: &Proposal) -> Preview {
        let (label, asked) = (proposal.tool.diff_label(), proposal.proposed_file.as_str());
        match self {
            LiveFile::NotConfigured => Preview::Diff(render_diff("", asked, label)),
            LiveFile::Refused(why) => Preview::Refused(why.clone()),
            LiveFile::Found { kind, path, text } => {
                let current = text.as_deref().unwrap_or_default();
                let after = match kind {
                    FileKind::Routes => merged(current, Author::Agent, asked),
                    FileKind::Dockerfile => Ok(Some(asked.to_owned())),
                };
                match after {
                    Ok(Some(after)) => Preview::Diff(render_diff(current, &after, label)),
                    Ok(None) => Preview::Already(path.clone()),
                    Err(why) => Preview::Refused(format!("{}: {why}", path.display())),
                }
            }
        }
    }
}
