//! Where a queue's two sides have tables of their own: the notes they tell each other, and the way these take.
//!
//! The rules of a queue exist once, in SQL on its tables. A side that can't share a database with the other
//! keeps these tables to itself and has a line: what it writes down is told to the other side right before
//! its transaction commits, and what the other side has told is written down before anything is read.

use std::path::Path;
use std::time::Duration;

use supervise_core::{Digest, Proposal, Status};
use uuid::Uuid;

use crate::error::StoreError;
use crate::files::{BottleFiles, HostFiles};
#[cfg(feature = "postgres")]
use crate::fleet::{BottleLine, OperatorSide};
use crate::hold::Answer;

/// What one side tells the other. Each is told once and never taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    // The bottle's side.
    Proposed(Proposal),
    Joined { id: Uuid, count: u64 },
    TimedOut(Uuid),
    Delivered(Uuid),
    Withdrawn(Uuid),
    // The operator's side.
    Claimed(Uuid),
    Released(Uuid),
    Answered(Box<Given>),
    Reopened(Uuid),
}

/// A decision as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) answer: Answer,
    /// Since when and until when a rejection sticks, as [`supervise_core::format_timestamp`] spells both.
    pub(crate) refused: Option<(String, String)>,
}

/// What became of a withdrawal on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withdrawing {
    Withdrawn,
    BeingDecided,
    Decided,
}

/// What became of a claim on the other side.
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "on one host the lock has settled the rest")
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claiming {
    Claimed,
    Withdrawn,
    BeingDecided,
    Already(Status),
    /// It isn't what was shown; this is what is there.
    Changed(Box<Proposal>),
    NoSuch,
}

/// One side of the way to the other.
#[derive(Debug)]
pub(crate) enum Line {
    BottleFiles(BottleFiles),
    HostFiles(HostFiles),
    #[cfg(feature = "postgres")]
    BottleFleet(Box<BottleLine>),
    #[cfg(feature = "postgres")]
    OperatorFleet(Box<OperatorSide>),
}

impl Line {
    /// Makes notes last where the other side finds them: all of them, or an error.
    pub(crate) async fn publish(&mut self, notes: Vec<Note>) -> Result<(), StoreError> {
        match self {
            Line::BottleFiles(files) => files.publish(notes).await,
            Line::HostFiles(files) => files.publish(notes).await,
            #[cfg(feature = "postgres")]
            Line::BottleFleet(fleet) => fleet.publish(&notes).await,
            #[cfg(feature = "postgres")]
            Line::OperatorFleet(fleet) => fleet.publish(notes).await,
        }
    }

    /// Takes a proposal back, unless its decision has begun.
    pub(crate) async fn withdraw(&mut self, id: Uuid) -> Result<Withdrawing, StoreError> {
        match self {
            Line::BottleFiles(files) => files.withdraw(id).await,
            #[cfg(feature = "postgres")]
            Line::BottleFleet(fleet) => fleet.withdraw(id).await,
            // The operator's side takes nothing back that it didn't ask.
            Line::HostFiles(_) => Ok(Withdrawing::Withdrawn),
            #[cfg(feature = "postgres")]
            Line::OperatorFleet(_) => Ok(Withdrawing::Withdrawn),
        }
    }

    /// Keeps the bottle from taking a proposal back, unless it has.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, reason = "a row of the host's is not swapped")
    )]
    pub(crate) async fn claim(&mut self, id: Uuid, digest: Digest) -> Result<Claiming, StoreError> {
        match self {
            Line::BottleFiles(_) => Ok(Claiming::Claimed),
            Line::HostFiles(files) => files.claim(id).await,
            #[cfg(feature = "postgres")]
            Line::BottleFleet(_) => Ok(Claiming::Claimed),
            #[cfg(feature = "postgres")]
            Line::OperatorFleet(fleet) => fleet.claim(id, digest).await,
        }
    }

    /// Ends every claim but those on `kept`. The caller has the bottle's lock.
    pub(crate) async fn release_others(&mut self, kept: &[Uuid]) -> Result<(), StoreError> {
        match self {
            Line::BottleFiles(_) => Ok(()),
            Line::HostFiles(files) => files.release_others(kept).await,
            // A claim goes with the connection that took it.
            #[cfg(feature = "postgres")]
            Line::BottleFleet(_) | Line::OperatorFleet(_) => Ok(()),
        }
    }

    /// The directory in which the other side's notes appear, where they do.
    pub(crate) fn watched(&self) -> Option<&Path> {
        match self {
            Line::BottleFiles(files) => Some(files.watched()),
            Line::HostFiles(files) => Some(files.watched()),
            #[cfg(feature = "postgres")]
            Line::BottleFleet(_) | Line::OperatorFleet(_) => None,
        }
    }

    /// Waits for a hint that comes by the line itself; for ever where none do. Dropping the future loses none.
    pub(crate) async fn hinted(&mut self) {
        match self {
            #[cfg(feature = "postgres")]
            Line::BottleFleet(fleet) => fleet.hinted().await,
            _ => std::future::pending().await,
        }
    }

    /// Nobody waits for a while: no hints are wanted until they are asked for again.
    pub(crate) async fn rest(&mut self) {
        match self {
            #[cfg(feature = "postgres")]
            Line::BottleFleet(fleet) => fleet.rest().await,
            _ => {}
        }
    }

    /// How often to look while anything is held, whatever hints come.
    pub(crate) fn poll_every(&self) -> Duration {
        match self {
            Line::BottleFiles(files) => files.poll_every(),
            Line::HostFiles(files) => files.poll_every(),
            #[cfg(feature = "postgres")]
            Line::BottleFleet(fleet) => fleet.poll_every(),
            #[cfg(feature = "postgres")]
            Line::OperatorFleet(fleet) => fleet.poll_every(),
        }
    }
}
