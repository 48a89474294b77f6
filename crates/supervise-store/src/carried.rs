//! A connection whose other side has tables of its own: opening it, and passing notes both ways.

use std::path::Path;
use std::time::Duration;

use supervise_core::{Digest, Slug};
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::files::{self, BottleFiles};
#[cfg(feature = "postgres")]
use crate::fleet::{BottleLine, FleetUrl, OperatorSide, Record};
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

    /// Opens a bottle's side of a fleet: tables in memory, filled with what is kept of the bottle.
    #[cfg(feature = "postgres")]
    pub(crate) async fn open_bottle_fleet(url: &FleetUrl, slug: &Slug) -> Result<Connection, StoreError> {
        let mut fleet = BottleLine::connect(url, slug).await?;
        let mut connection = Connection::open_in_memory().await?;
        notes::write(&mut connection, fleet.load().await?).await?;
        connection.line = Some(Line::BottleFleet(Box::new(fleet)));
        Ok(connection)
    }

    /// Opens the operator's side of one bottle of a fleet: tables in memory as well.
    #[cfg(feature = "postgres")]
    pub(crate) async fn open_operator_fleet(url: &FleetUrl, slug: &Slug) -> Result<Connection, StoreError> {
        let fleet = OperatorSide::connect(url, slug).await?;
        let mut connection = Connection::open_in_memory().await?;
        connection.line = Some(Line::OperatorFleet(Box::new(fleet)));
        connection.take_in().await?;
        Ok(connection)
    }

    /// The audit entry that goes with an answer, where the other side keeps a log of its own.
    #[cfg(feature = "postgres")]
    pub(crate) fn entrust(&mut self, id: Uuid, record: impl FnOnce() -> Record) {
        if let Some(Line::OperatorFleet(fleet)) = &mut self.line {
            fleet.entrust(id, record());
        }
    }

    /// Appends to the log that the other side keeps of its own, where it does.
    #[cfg(feature = "postgres")]
    pub(crate) async fn audit_told(&mut self, record: &Record) -> Result<(), StoreError> {
        match &mut self.line {
            Some(Line::OperatorFleet(fleet)) => fleet.audit(record).await,
            _ => Ok(()),
        }
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
        self.take_in_heard(None).await
    }

    /// The same where a hint has named the files it is about.
    pub(crate) async fn take_in_heard(&mut self, heard: Option<Vec<String>>) -> Result<bool, StoreError> {
        // While it is noted nothing is told: it came from there.
        let Some(mut line) = self.line.take() else {
            return Ok(false);
        };
        let taken = match &mut line {
            Line::HostFiles(host) => files::import(self, host).await,
            Line::BottleFiles(bottle) => self.take_news(bottle, heard).await,
            #[cfg(feature = "postgres")]
            Line::BottleFleet(fleet) => match fleet.news().await {
                Ok(news) => self.note_all(news).await,
                Err(error) => Err(error),
            },
            #[cfg(feature = "postgres")]
            Line::OperatorFleet(fleet) => match fleet.load().await {
                Ok(kept) => self.note_all(kept).await,
                Err(error) => Err(error),
            },
        };
        self.line = Some(line);
        taken
    }

    #[cfg(feature = "postgres")]
    async fn note_all(&mut self, told: Vec<Note>) -> Result<bool, StoreError> {
        let any = !told.is_empty();
        if any {
            notes::write(self, told).await?;
        }
        Ok(any)
    }

    async fn take_news(
        &mut self,
        bottle: &mut BottleFiles,
        heard: Option<Vec<String>>,
    ) -> Result<bool, StoreError> {
        let news = bottle.news(heard).await?;
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

    pub(crate) async fn claim_told(&mut self, id: Uuid, digest: Digest) -> Result<Claiming, StoreError> {
        match &mut self.line {
            Some(line) => line.claim(id, digest).await,
            None => Ok(Claiming::Claimed),
        }
    }

    pub(crate) async fn release_told_but(&mut self, kept: &[Uuid]) -> Result<(), StoreError> {
        match &mut self.line {
            Some(line) => line.release_others(kept).await,
            None => Ok(()),
        }
    }

    /// The directory in which news appear, where they do.
    pub(crate) fn watched(&self) -> Option<&Path> {
        match &self.line {
            Some(line) => line.watched(),
            None => self.path().parent(),
        }
    }

    /// Whether others write the very tables that are open here. If so, a hint may come before the commit.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.line, None | Some(Line::HostFiles(_)))
    }

    /// Waits for a hint that doesn't come by that directory; for ever where none do.
    pub(crate) async fn hinted(&mut self) {
        match &mut self.line {
            Some(line) => line.hinted().await,
            None => std::future::pending().await,
        }
    }

    /// Nobody waits for a while.
    pub(crate) async fn rest(&mut self) {
        if let Some(line) = &mut self.line {
            line.rest().await;
        }
    }

    pub(crate) fn poll_every(&self) -> Duration {
        self.line.as_ref().map_or(POLL, Line::poll_every)
    }
}
