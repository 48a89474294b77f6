//! A connection whose other side has tables of its own: opening it, and passing notes both ways.

use std::path::Path;
use std::time::Duration;

use supervise_core::Slug;
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::files::{self, BottleFiles};
use crate::line::{Claiming, Line, Note, Withdrawing};
use crate::notes;
use crate::watch::POLL;

impl Connection {
    /// Opens a queue of files for its bottle: tables in memory, filled with what both sides have told so far.
    pub(crate) async fn open_bottle_files(dir: &Path, slug: &Slug) -> Result<Connection, StoreError> {
        let mut files = BottleFiles::open(dir, slug)?;
        let mut connection = Connection::open_in_memory().await?;
        let told = files.load().await?;
        notes::write(&mut connection, told).await?;
        connection.line = Some(Line::BottleFiles(files));
        Ok(connection)
    }

    /// Tells the other side once the transaction commits, where it has tables of its own.
    pub(crate) fn tell(&mut self, note: impl FnOnce() -> Note) {
        if self.line.is_some() {
            self.outbox.push(note());
        }
    }

    /// How much is to be told so far.
    pub(crate) fn told(&self) -> usize {
        self.outbox.len()
    }

    /// Tells no more than was to be told before: what came behind it is undone.
    pub(crate) fn tell_only(&mut self, told: usize) {
        self.outbox.truncate(told);
    }

    /// Notes what the other side has told. True if anything was new. Outside of a transaction.
    pub(crate) async fn take_in(&mut self) -> Result<bool, StoreError> {
        // While it is noted nothing is told: it came from there.
        let Some(mut line) = self.line.take() else {
            return Ok(false);
        };
        let taken = match &mut line {
            Line::HostFiles(host) => files::import(self, host).await,
            Line::BottleFiles(bottle) => self.take_news(bottle).await,
        };
        self.line = Some(line);
        taken
    }

    async fn take_news(&mut self, bottle: &mut BottleFiles) -> Result<bool, StoreError> {
        let news = bottle.news().await?;
        if news.is_empty() {
            return Ok(false);
        }
        if let Err(error) = notes::write(self, news).await {
            bottle.forget();
            return Err(error);
        }
        let swept = bottle.sweep().await?;
        notes::forget(self, &swept).await?;
        Ok(true)
    }

    pub(crate) async fn withdraw_told(&mut self, id: Uuid) -> Result<Withdrawing, StoreError> {
        match &mut self.line {
            Some(line) => line.withdraw(id).await,
            None => Ok(Withdrawing::Withdrawn),
        }
    }

    pub(crate) async fn claim_told(&mut self, id: Uuid) -> Result<Claiming, StoreError> {
        match &mut self.line {
            Some(line) => line.claim(id).await,
            None => Ok(Claiming::Claimed),
        }
    }

    pub(crate) async fn release_told_but(&mut self, kept: &[Uuid]) -> Result<(), StoreError> {
        match &mut self.line {
            Some(line) => line.release_others(kept).await,
            None => Ok(()),
        }
    }

    /// The directory in which news appear.
    pub(crate) fn watched(&self) -> &Path {
        match &self.line {
            Some(line) => line.watched(),
            None => self.path().parent().unwrap_or(Path::new("/")),
        }
    }

    pub(crate) fn poll_every(&self) -> Duration {
        self.line.as_ref().map_or(POLL, Line::poll_every)
    }
}
