//! Where a bottle finds its queue, as its environment or its queue's directory says.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::error::StoreError;
#[cfg(feature = "postgres")]
use crate::fleet::{FleetUrl, FleetUrlError};
use crate::mount::Mount;
use crate::place::Backend;

/// `sqlite:DIR`, `files:DIR`, or `postgres://…`, the address of a fleet's database for this bottle's role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueUrl {
    /// One SQLite file in this directory.
    Sqlite(PathBuf),
    /// Files in this directory.
    Files(PathBuf),
    /// A fleet's database.
    #[cfg(feature = "postgres")]
    Postgres(FleetUrl),
}

/// A text that is no queue's URL. No part of it is repeated, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QueueUrlError {
    /// No kind of queue is called so.
    #[error("use sqlite: or files:, a directory may follow, or postgres://…")]
    Unknown,
    /// The address of a fleet, and this program can't speak to one.
    #[error("this program was built without PostgreSQL; build it with --features postgres")]
    WithoutPostgres,
    /// No address of a fleet.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Fleet(#[from] FleetUrlError),
}

impl QueueUrl {
    /// Reads a URL; one without a directory means `dir`.
    pub fn read(text: &str, dir: &Path) -> Result<QueueUrl, QueueUrlError> {
        let (kind, rest) = text.split_once(':').ok_or(QueueUrlError::Unknown)?;
        let dir = || {
            if rest.is_empty() {
                dir.to_owned()
            } else {
                PathBuf::from(rest)
            }
        };
        match kind {
            "sqlite" => Ok(QueueUrl::Sqlite(dir())),
            "files" => Ok(QueueUrl::Files(dir())),
            "postgres" | "postgresql" => fleet(text),
            _ => Err(QueueUrlError::Unknown),
        }
    }

    /// The queue in a directory, by the marker in it. One that is marked as SQLite's is refused where another kernel
    /// may have mounted it too.
    pub fn find(dir: &Path) -> Result<QueueUrl, StoreError> {
        let marked = match Backend::marked(dir) {
            // It is made with the queue.
            Err(StoreError::Missing { .. }) => None,
            other => other?,
        };
        match (marked, Mount::of(dir)) {
            (Some(Backend::Sqlite), Mount::Shared(kind)) => Err(StoreError::refused(
                dir,
                format!(
                    "it is marked sqlite and lies on '{kind}', which another kernel may have mounted too; \
                     on the host run `supervise prepare SLUG --queue files`, or go on all the same with \
                     SUPERVISE_QUEUE_URL=sqlite:"
                ),
            )),
            (Some(Backend::Files), _) => Ok(QueueUrl::Files(dir.to_owned())),
            _ => Ok(QueueUrl::Sqlite(dir.to_owned())),
        }
    }

    /// Which kind it is.
    pub fn backend(&self) -> Backend {
        match self {
            QueueUrl::Sqlite(_) => Backend::Sqlite,
            QueueUrl::Files(_) => Backend::Files,
            #[cfg(feature = "postgres")]
            QueueUrl::Postgres(_) => Backend::Postgres,
        }
    }
}

#[cfg(feature = "postgres")]
fn fleet(text: &str) -> Result<QueueUrl, QueueUrlError> {
    Ok(QueueUrl::Postgres(text.parse()?))
}

#[cfg(not(feature = "postgres"))]
fn fleet(_: &str) -> Result<QueueUrl, QueueUrlError> {
    Err(QueueUrlError::WithoutPostgres)
}

/// Without its password, where it has one.
impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueUrl::Sqlite(dir) | QueueUrl::Files(dir) => write!(f, "{}:{}", self.backend(), dir.display()),
            #[cfg(feature = "postgres")]
            QueueUrl::Postgres(url) => write!(f, "{url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_kind_and_may_name_a_directory() {
        let read = |text: &str| QueueUrl::read(text, Path::new("/q")).map(|url| url.to_string());
        assert_eq!(read("sqlite:").as_deref(), Ok("sqlite:/q"));
        assert_eq!(read("files:/run/q").as_deref(), Ok("files:/run/q"));
        for odd in ["", "sqlite", "files", "redis:", "SQLITE:", ":x"] {
            assert_eq!(read(odd), Err(QueueUrlError::Unknown), "{odd}");
        }
        let secret = read("postgres://bottle_1:hunter2@127.0.0.1/fleet");
        assert!(!format!("{secret:?}").contains("hunter2"), "{secret:?}");
        assert!(!format!("{:?}", read("postgres://x:hunter2@h/?nonsense=1")).contains("hunter2"));
    }
}
