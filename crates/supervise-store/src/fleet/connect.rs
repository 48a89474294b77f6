//! One connection, opened the same way for everybody: every wait in it has an end.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};
use sqlx::{Acquire as _, ConnectOptions as _, Connection as _, Error};
use tokio::time::timeout;

use super::trouble::is_lost;
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
    /// One that can hear notifications besides.
    Hearing(Box<PgListener>, Ear),
}

/// Whether notifications come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ear {
    /// Not asked for: every notification in the database wakes everybody who listens.
    Resting,
    Listening,
    /// The server, or a pooler before it, doesn't let us.
    Deaf,
}

impl Session {
    pub(super) async fn plain(options: &PgConnectOptions) -> Result<Session, Error> {
        let connection = timeout(CONNECT_LIMIT, PgConnection::connect_with(options)).await;
        let connection = connection.map_err(|_| Error::PoolTimedOut)??;
        Ok(Session::Plain(Box::new(connection)))
    }

    pub(super) async fn hearing(options: &PgConnectOptions) -> Result<Session, Error> {
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
        Ok(Session::Hearing(Box::new(listener), Ear::Resting))
    }

    pub(super) async fn connection(&mut self) -> Result<&mut PgConnection, Error> {
        match self {
            Session::Plain(connection) => Ok(connection),
            Session::Hearing(listener, _) => listener.acquire().await,
        }
    }

    pub(super) fn is_listening(&self) -> bool {
        matches!(self, Session::Hearing(_, Ear::Listening))
    }

    /// Waits for a notification on `channel`, for ever where there are none. The first wait on a connection ends at
    /// once: what was said before it isn't heard. An error: the connection is gone.
    pub(super) async fn notified(&mut self, channel: &str) -> Result<(), Error> {
        let (listener, ear) = match self {
            Session::Hearing(listener, ear @ (Ear::Resting | Ear::Listening)) => (listener, ear),
            Session::Plain(_) | Session::Hearing(_, Ear::Deaf) => return std::future::pending().await,
        };
        if *ear == Ear::Resting {
            let listened = timeout(CONNECT_LIMIT, listener.listen(channel)).await;
            let listened = listened.unwrap_or(Err(Error::PoolTimedOut));
            if let Err(error) = &listened
                && !is_lost(error)
            {
                *ear = Ear::Deaf;
                return Ok(());
            }
            *ear = Ear::Listening;
            return listened;
        }
        let heard = listener.try_recv().await?;
        while listener.next_buffered().is_some() {}
        heard.map(|_| ()).ok_or(Error::PoolClosed)
    }

    /// Nobody waits any more.
    pub(super) async fn rest(&mut self) -> Result<(), Error> {
        if let Session::Hearing(listener, ear @ Ear::Listening) = self {
            // Noted first: whoever gives this up half-way must ask for notifications again.
            *ear = Ear::Resting;
            let rested = timeout(CONNECT_LIMIT, listener.unlisten_all()).await;
            return rested.unwrap_or(Err(Error::PoolTimedOut));
        }
        Ok(())
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
