//! PostgreSQL's errors in the store's words. No text here can hold a password: the driver's own errors about a
//! connection are told by their kind, and the server never repeats one.

use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

use crate::error::StoreError;

/// The errors that our own functions raise.
pub(super) const CLAIM_LOST: &str = "SV001";

/// Why work on a connection ended.
pub(super) enum Failure {
    Sql(Error),
    /// What was found there refuses it, and would again.
    Refused(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Sql(error)
    }
}

impl Failure {
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Failure::Sql(error) if is_lost(error))
    }

    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Failure::Sql(error) if is_passing(error))
    }

    pub(super) fn code(&self) -> Option<String> {
        match self {
            Failure::Sql(error) => code(error),
            Failure::Refused(_) => None,
        }
    }

    pub(super) fn store_error(&self) -> StoreError {
        match self {
            Failure::Sql(error) => store_error(error),
            Failure::Refused(error) => error.clone(),
        }
    }
}

/// SQLSTATE, where the server itself refused.
fn code(error: &Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Whether the connection is gone, so that another may do.
pub(super) fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_)
        | Error::Protocol(_)
        | Error::Tls(_)
        | Error::PoolClosed
        | Error::PoolTimedOut
        | Error::WorkerCrashed => true,
        Error::Database(_) => code(error).is_some_and(|code| {
            code.starts_with("08") || code.starts_with("57P") || matches!(&*code, "25P03" | "25P04")
        }),
        _ => false,
    }
}

/// Whether the same again may succeed on the same connection.
fn is_passing(error: &Error) -> bool {
    code(error).is_some_and(|code| matches!(&*code, "40001" | "40P01"))
}

fn store_error(error: &Error) -> StoreError {
    let Some(code) = code(error) else {
        return match error {
            Error::Io(io) => StoreError::Unreachable(io.kind().to_string()),
            Error::Tls(tls) => StoreError::Unreachable(format!("TLS: {tls}")),
            Error::PoolTimedOut => StoreError::Unreachable("no connection in time".into()),
            Error::Configuration(_) => {
                StoreError::Unreachable("its address or a certificate can't be read".into())
            }
            Error::ColumnDecode { .. } | Error::Decode(_) => StoreError::Unreadable(error.to_string()),
            other => StoreError::Postgres(other.to_string()),
        };
    };
    let message = message(error);
    match &*code {
        "55P03" => StoreError::Busy,
        "57014" => StoreError::Timeout,
        "53100" | "53200" => StoreError::Full,
        "25006" => StoreError::ReadOnly,
        _ if code.starts_with("XX00") => StoreError::Corrupt(message),
        // What was asked is refused and will be again: a privilege, a policy, a check, one of our own functions.
        "42501" | "SV010" => StoreError::Denied(message),
        _ if code.starts_with("23") || code.starts_with("SV0") => StoreError::Denied(message),
        _ if is_lost(error) || code.starts_with("28") || code.starts_with("53") || code.starts_with("3D") => {
            StoreError::Unreachable(message)
        }
        _ => StoreError::Postgres(message),
    }
}

/// The server's sentence alone: its details may repeat a row.
fn message(error: &Error) -> String {
    let database = error.as_database_error();
    let text = database.and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    text.map_or_else(|| "unknown".into(), |error| error.message().to_owned())
}
