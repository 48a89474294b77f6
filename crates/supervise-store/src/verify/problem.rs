//! What can be wrong with the log, and with which entry.

use std::fmt;

use thiserror::Error;

/// The first thing that is wrong, in the order of the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The entry; `None` where it is about no single one.
    pub id: Option<i64>,
    /// What is wrong with it.
    pub wrong: Wrong,
}

impl Problem {
    pub(crate) fn at(id: i64, wrong: Wrong) -> Problem {
        Problem { id: Some(id), wrong }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "entry {id}: {}", self.wrong),
            None => self.wrong.fmt(f),
        }
    }
}

/// What is wrong with an entry, its side row, its line in the chain, or the anchor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Wrong {
    /// The hash doesn't fit what it is over.
    #[error("its content, or what is known of its origin, has been changed")]
    Changed,
    /// The line behind it still has the hash that fits.
    #[error("its hash in the chain has been changed")]
    HashChanged,
    /// The line is right but for the hash it repeats.
    #[error("its line in the chain names another hash before it than there is")]
    PrevChanged,
    /// `ours` where it was `adopted`, or the other way round.
    #[error("how it came into the chain has been changed")]
    KindChanged,
    /// A column holds something else than text, or a number other than its own.
    #[error("a column of it holds what no program of ours writes")]
    Malformed,
    /// The chain goes on as if it weren't there.
    #[error("it was inserted: the chain knows nothing of it")]
    Inserted,
    /// The entry is there, its line isn't.
    #[error("its line in the chain is missing")]
    LineMissing,
    /// The chain has a line for it, or a gap where it was.
    #[error("it is missing")]
    Missing,
    /// Its line follows another than the one before it.
    #[error("its line doesn't follow the one before: reordered, or lines between are missing")]
    Misplaced,
    /// Entries stand in rising order of their ids.
    #[error("its number is not above the one before")]
    OutOfOrder,
    /// An entry of ours without its side row.
    #[error("what is known of its origin is missing")]
    OriginMissing,
    /// Another program's entry with a side row.
    #[error("an origin was written beside it later")]
    OriginAdded,
    /// What is kept as its proposal has another digest than the one in its origin.
    #[error("what is kept as its proposal is not what was decided on")]
    ProposalChanged,
    /// SQLite remembers a higher number than the last entry's.
    #[error("it is missing, with everything up to entry {last}: the end of the log was cut off")]
    TailCut {
        /// The highest number that was ever given.
        last: i64,
    },
    /// A chain, and no anchor.
    #[error("the anchor is missing, so nothing says where the chain ends")]
    AnchorMissing,
    /// The anchor has another hash.
    #[error("the anchor has another hash for it: either the anchor or the whole chain was rewritten")]
    AnchorDiffers,
    /// The anchor passes it over.
    #[error("the anchor lacks it: line {line} is about another entry")]
    AnchorLacks {
        /// Which line is there instead.
        line: u64,
    },
    /// No `<id> <hash>`, and nothing that a crash leaves.
    #[error("line {line} of the anchor has been changed")]
    AnchorGarbage {
        /// Which line.
        line: u64,
    },
    /// The anchor was written, the chain isn't there.
    #[error("the anchor has it, the chain hasn't: the end of the log was cut off")]
    AnchorAhead,
    /// One append may be missing in the anchor, after a crash.
    #[error("it and what follows are missing in the anchor, which lags by {appends} appends")]
    AnchorLags {
        /// How many appends.
        appends: u64,
    },
}

impl Wrong {
    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Wrong::Changed => "changed",
            Wrong::HashChanged => "hash-changed",
            Wrong::PrevChanged => "prev-changed",
            Wrong::KindChanged => "kind-changed",
            Wrong::Malformed => "malformed",
            Wrong::Inserted => "inserted",
            Wrong::LineMissing => "line-missing",
            Wrong::Missing => "missing",
            Wrong::Misplaced => "misplaced",
            Wrong::OutOfOrder => "out-of-order",
            Wrong::OriginMissing => "origin-missing",
            Wrong::OriginAdded => "origin-added",
            Wrong::ProposalChanged => "proposal-changed",
            Wrong::TailCut { .. } => "tail-cut",
            Wrong::AnchorMissing => "anchor-missing",
            Wrong::AnchorDiffers => "anchor-differs",
            Wrong::AnchorLacks { .. } => "anchor-lacks",
            Wrong::AnchorGarbage { .. } => "anchor-garbage",
            Wrong::AnchorAhead => "anchor-ahead",
            Wrong::AnchorLags { .. } => "anchor-lags",
        }
    }
}
