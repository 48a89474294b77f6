//! What can go wrong, in words that say what was found.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use supervise_core::{Proposal, Status};
use thiserror::Error;

/// Why the store could not do what was asked. Texts may hold bytes from the disk: show them escaped.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No such directory or database.
    #[error("{} doesn't exist", path.display())]
    Missing {
        /// What is missing.
        path: PathBuf,
    },
    /// A guard refused what lies on the disk.
    #[error("{} is refused: {what}", path.display())]
    Refused {
        /// What was looked at.
        path: PathBuf,
        /// What was found there.
        what: String,
    },
    /// Another program held the database longer than we wait.
    #[error("the database is locked by another program")]
    Busy,
    /// No room on the disk.
    #[error("the disk is full")]
    Full,
    /// The file or its file system can't be written.
    #[error("the database can't be written")]
    ReadOnly,
    /// The file is damaged.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The disk didn't do what it was asked.
    #[error("the disk doesn't read or write the database: {0}")]
    Disk(String),
    /// The database can't be opened, or not what is written beside it.
    #[error("the database or its journal can't be opened: {0}")]
    Unopened(String),
    /// A statement was stopped because it ran too long.
    #[error("a statement ran longer than two seconds and was stopped")]
    Timeout,
    /// Longer than anything this store reads back.
    #[error("{0} is longer than 4 MiB")]
    TooLarge(&'static str),
    /// A value in the database isn't of the kind its column holds.
    #[error("a value can't be read: {0}")]
    Unreadable(String),
    /// A trigger refused the change.
    #[error("the database refused the change: {0}")]
    Denied(String),
    /// A row with this id is there already.
    #[error("{id} exists already")]
    Exists {
        /// The id.
        id: String,
    },
    /// What was written doesn't read back the same.
    #[error("what was written doesn't read back the same: {0}")]
    Altered(&'static str),
    /// The store's task has ended.
    #[error("the store has stopped")]
    Gone,
    /// The fleet's database can't be reached, or lets nobody in.
    #[error("the fleet's database can't be reached: {0}")]
    Unreachable(String),
    /// Any other error of PostgreSQL.
    #[error("the fleet's database: {0}")]
    Postgres(String),
    /// Any other error of SQLite.
    #[error("sqlite: {0}")]
    Sqlite(String),
    /// An error of the file system.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// The system's error.
        source: Arc<io::Error>,
    },
}

impl StoreError {
    pub(crate) fn io(path: &Path, source: impl Into<io::Error>) -> Self {
        let source: io::Error = source.into();
        match source.kind() {
            io::ErrorKind::NotFound => StoreError::Missing {
                path: path.to_owned(),
            },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
            _ => StoreError::Io {
                path: path.to_owned(),
                source: Arc::new(source),
            },
        }
    }

    pub(crate) fn refused(path: &Path, what: impl Into<String>) -> Self {
        StoreError::Refused {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    /// Whether the transaction around it can go on: the statement alone was refused.
    pub(crate) fn spares_transaction(&self) -> bool {
        use StoreError::{Denied, Exists, TooLarge, Unreadable};
        matches!(self, Denied(_) | Exists { .. } | TooLarge(_) | Unreadable(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else {
            return match error {
                sqlx::Error::WorkerCrashed => StoreError::Gone,
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                    StoreError::Unreadable(error.to_string())
                }
                other => StoreError::Sqlite(other.to_string()),
            };
        };
        let message = database.message().to_owned();
        let code = database
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            .unwrap_or(0);
        // Primary result codes: https://www.sqlite.org/rescode.html
        match code & 0xff {
            5 | 6 => StoreError::Busy,
            8 => StoreError::ReadOnly,
            9 => StoreError::Timeout,
            10 => StoreError::Disk(message),
            11 | 26 => StoreError::Corrupt(message),
            13 => StoreError::Full,
            14 => StoreError::Unopened(message),
            19 => StoreError::Denied(message),
            _ => StoreError::Sqlite(message),
        }
    }
}

/// Why a decision was not made.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// The bottle has no proposal of that id.
    #[error("no such proposal")]
    NoSuch,
    /// Somebody decided first.
    #[error("already {0}")]
    Already(Status),
    /// Taken back, or archived without an answer.
    #[error("already withdrawn")]
    Withdrawn,
    /// Another operator's program is at it.
    #[error("being decided by another operator")]
    BeingDecided,
    /// There is an answer, in a form that can't be read: it counts as not approved, and stands.
    #[error("already answered, in a form that can't be read")]
    Unreadable,
    /// Written down, but not yet delivered: whoever looks at the bottle next finishes it.
    #[error("{status} is recorded but not yet delivered, and will be finished by the next command")]
    Unfinished {
        /// The decision.
        status: Status,
        /// What kept it from being delivered.
        source: StoreError,
    },
    /// In the audit log, but the bottle's side keeps the agent from being told, and no later try ends otherwise.
    #[error("{status} as audit entry {audit_id}, but it can't be delivered")]
    Undelivered {
        /// The decision.
        status: Status,
        /// Whether its effect is in force.
        applied: bool,
        /// Its audit entry; the one that says that it was not delivered follows.
        audit_id: i64,
        /// What refused the answer.
        source: StoreError,
    },
    /// Not what was shown.
    #[error("changed since it was shown")]
    Changed {
        /// What is there now.
        found: Box<Proposal>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for DecisionError {
    fn from(error: sqlx::Error) -> Self {
        DecisionError::Store(error.into())
    }
}
