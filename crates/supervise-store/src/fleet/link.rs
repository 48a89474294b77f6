//! A connection that is made anew when it is lost: a terminated one costs a repeated statement.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Error, raw_sql};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::connect::Session;
use super::trouble::Failure;
use crate::error::StoreError;

/// How long a call goes on trying. Behind it callers wait, and are better told.
const PATIENCE: Duration = Duration::from_secs(3);
/// A little more than the server's own limit for a statement: a server that says nothing at all is given up.
const STATEMENT_LIMIT: Duration = Duration::from_secs(8);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Contention passes at once or is no contention.
pub(super) const TRIES: u32 = 10;

pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'c>>;

pub(super) struct Link {
    options: PgConnectOptions,
    channel: Option<String>,
    session: Option<Session>,
    /// Counts the connections: what was locked on one is free on the next.
    generation: u64,
    pause: Duration,
    /// After a call has failed nobody waits for the server before then.
    not_before: Option<(Instant, StoreError)>,
}

impl Link {
    pub(super) fn new(options: PgConnectOptions) -> Link {
        Link {
            options,
            channel: None,
            session: None,
            generation: 0,
            pause: FIRST_PAUSE,
            not_before: None,
        }
    }

    /// From the next connection on, which is the next statement's, notifications of `channel` can be waited for.
    pub(super) fn hear(&mut self, channel: String) {
        self.channel = Some(channel);
        self.session = None;
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is a connection, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        self.session.is_some()
    }

    pub(super) fn is_listening(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_listening)
    }

    /// Runs `work`, again if the connection is lost meanwhile: it must be such that twice is as good as once.
    pub(super) async fn run<T, F>(&mut self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> Fn(&'c mut PgConnection) -> Work<'c, T>,
    {
        if let Some((at, error)) = &self.not_before
            && Instant::now() < *at
        {
            return Err(error.clone());
        }
        let until = Instant::now() + PATIENCE;
        let mut tries = 0;
        loop {
            let error = match self.once(&work).await {
                Ok(done) => {
                    self.pause = FIRST_PAUSE;
                    self.not_before = None;
                    return Ok(done);
                }
                Err(error) => error,
            };
            tries += 1;
            if !error.is_lost() && (!error.is_passing() || tries >= TRIES) {
                return Err(error.store_error());
            }
            // The first loss is an old connection's; only a new one that fails too says something of the server.
            if tries > 1 {
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                let pause = jittered(self.pause);
                if Instant::now() + pause >= until {
                    return Err(self.give_up(&error, pause));
                }
                sleep(pause).await;
            }
        }
    }

    fn give_up(&mut self, error: &Failure, pause: Duration) -> StoreError {
        let error = error.store_error();
        self.not_before = Some((Instant::now() + pause, error.clone()));
        error
    }

    /// Runs `work` at most once.
    pub(super) async fn once<T, F>(&mut self, work: F) -> Result<T, Failure>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
    {
        let done = self.on_session(work).await;
        if done.as_ref().is_err_and(Failure::is_lost) {
            self.session = None;
        }
        done
    }

    async fn on_session<T, F>(&mut self, work: F) -> Result<T, Failure>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
    {
        if self.session.is_none() {
            self.session = Some(self.open().await?);
            self.generation += 1;
        }
        let Some(session) = &mut self.session else {
            return Err(Error::PoolClosed.into());
        };
        let connection = session.connection().await?;
        // What was given up half-way leaves a connection that nothing is known of: it counts as lost.
        timeout(STATEMENT_LIMIT, work(connection))
            .await
            .unwrap_or(Err(Error::PoolTimedOut.into()))
    }

    async fn open(&self) -> Result<Session, Error> {
        if self.channel.is_none() {
            return Session::plain(&self.options).await;
        }
        if self.generation > 0 {
            // What waits behind the other kind keeps trying, and keeps the reason to itself.
            drop(Session::plain(&self.options).await?);
        }
        Session::hearing(&self.options).await
    }

    /// Waits for a notification, or until the connection is found to be gone; for ever where there are none.
    pub(super) async fn notified(&mut self) {
        let (Some(session), Some(channel)) = (&mut self.session, &self.channel) else {
            return std::future::pending().await;
        };
        if session.notified(channel).await.is_err() {
            self.session = None;
        }
    }

    /// Hears no more notifications until the next wait.
    pub(super) async fn rest(&mut self) {
        if let Some(session) = &mut self.session
            && session.rest().await.is_err()
        {
            self.session = None;
        }
    }
}

/// Runs `statements` between BEGIN and COMMIT. A transaction that fails is rolled back by hand: the driver's own
/// guard would leave that to whoever uses the connection next.
pub(super) async fn transaction<T, F>(connection: &mut PgConnection, statements: F) -> Result<T, Failure>
where
    F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
{
    raw_sql("BEGIN").execute(&mut *connection).await?;
    let done = match statements(&mut *connection).await {
        Ok(done) => raw_sql("COMMIT")
            .execute(&mut *connection)
            .await
            .map(|_| done)
            .map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    if done.as_ref().is_err_and(|failure| !failure.is_lost()) {
        raw_sql("ROLLBACK").execute(connection).await?;
    }
    done
}

/// Four fifths to six fifths of it, so that many bottles don't ask all at once.
pub(super) fn jittered(base: Duration) -> Duration {
    let random = Uuid::new_v4().as_bytes()[0];
    base.mul_f64(0.8 + 0.4 * f64::from(random) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_fifth() {
        let base = Duration::from_millis(1000);
        for _ in 0..1000 {
            let one = jittered(base);
            assert!((800..=1200).contains(&one.as_millis()), "{one:?}");
        }
    }
}
