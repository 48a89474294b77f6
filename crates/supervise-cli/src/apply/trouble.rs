//! Why a file could not be looked at or replaced, in words for the operator.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file, and what is the matter with it.
#[derive(Debug, Error)]
#[error("{}: {trouble}", path.display())]
pub(crate) struct TargetError {
    path: PathBuf,
    #[source]
    pub(crate) trouble: Trouble,
}

#[derive(Debug, Error)]
pub(crate) enum Trouble {
    /// What lies there is nothing of ours to replace.
    #[error("{0}")]
    Refused(&'static str),
    #[error("its directory can't be opened: there is none")]
    NoDirectory,
    #[error("its directory can't be opened: {0}")]
    Directory(#[source] io::Error),
    #[error("another decision is changing files in its directory")]
    Busy,
    #[error("{0}{advice}", advice = advice(.0))]
    Io(#[source] io::Error),
}

impl TargetError {
    pub(crate) fn new(path: &Path, trouble: Trouble) -> Self {
        TargetError {
            path: path.to_owned(),
            trouble,
        }
    }

    /// Whether nobody can tell what lies there now: it may be what was written, and may be what was before.
    pub(crate) fn leaves_doubt(&self) -> bool {
        match &self.trouble {
            Trouble::Refused(_) | Trouble::NoDirectory => false,
            Trouble::Directory(_) | Trouble::Busy | Trouble::Io(_) => true,
        }
    }
}

/// The decision's own words keep it as text.
impl From<TargetError> for String {
    fn from(error: TargetError) -> Self {
        error.to_string()
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room there",
        io::ErrorKind::ReadOnlyFilesystem => "; mount it writable",
        _ => "",
    }
}
