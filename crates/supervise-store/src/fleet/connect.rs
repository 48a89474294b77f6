//! One connection, opened the same way for everybody: every wait in it has an end.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};
use sqlx::{Acquire as _, ConnectOptions as _, Connection as _, Error};
use tokio::time::timeout;

use super::url::FleetUrl;
use crate::error::StoreError;

/// How long a server that doesn't answer is waited for.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// What the server is to end by itself: a statement, a wait for a lock, a transaction that nobody goes on with, and
/// a connection whose other end has gone without a word, whose claims would stay.
const LIMITS: [(&str, &str); 7] = [
    ("statement_timeout", "5000"),
    ("lock_timeout", "2000"),
    ("idle_in_transaction_session_timeout", "10000"),
    ("tcp_keepalives_idle", "20"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
];

/// A connection that statements run on.
pub(super) enum Session {
    Plain(Box<PgConnection>),
    /// One that hears notifications besides.
    Listening(Box<PgListener>),
}

impl Session {
    pub(super) async fn plain(options: &PgConnectOptions) -> Result<Session, Error> {
        let connection = timeout(CONNECT_LIMIT, PgConnection::connect_with(options)).await;
        let connection = connection.map_err(|_| Error::PoolTimedOut)??;
        Ok(Session::Plain(Box::new(connection)))
    }

    /// Where listening isn't possible, as behind some poolers, the session hears nothing.
    pub(super) async fn listening(options: &PgConnectOptions, channel: &str) -> Result<Session, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT_LIMIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        listener.eager_reconnect(false);
        match timeout(CONNECT_LIMIT, listener.listen(channel)).await {
            Ok(Ok(())) => Ok(Session::Listening(Box::new(listener))),
            Ok(Err(error)) if super::trouble::is_lost(&error) => Err(error),
            Ok(Err(_)) | Err(_) => Session::plain(options).await,
        }
    }

    pub(super) async fn connection(&mut self) -> Result<&mut PgConnection, Error> {
        match self {
            Session::Plain(connection) => Ok(connection),
            Session::Listening(listener) => listener.acquire().await,
        }
    }

    /// Waits for a notification, for ever where there are none. False if the connection is gone.
    pub(super) async fn notified(&mut self) -> bool {
        let Session::Listening(listener) = self else {
            return std::future::pending().await;
        };
        let heard = matches!(listener.try_recv().await, Ok(Some(_)));
        while listener.next_buffered().is_some() {}
        heard
    }
}

/// The options of a connection for `program`.
pub(super) fn options(url: &FleetUrl, program: &str) -> Result<PgConnectOptions, StoreError> {
    let options = url
        .options()
        .map_err(|error| StoreError::Unreachable(error.to_string()))?;
    Ok(options
        .application_name(program)
        .options(LIMITS)
        // A statement in a log could hold what an agent wrote.
        .disable_statement_logging())
}
