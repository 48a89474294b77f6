//! Checking the audit log: every entry, its side row and its line of the chain, and the anchor beside it.
//! Nothing is changed by that, and nothing adopted.

mod export;
mod packed;
mod problem;
mod rows;
mod walk;

use std::path::{Path, PathBuf};

use supervise_core::Root;

use crate::anchor::AnchorLines;
use crate::error::StoreError;
use crate::host::Host;

pub use export::ExportVerifier;
pub use problem::{Problem, Wrong};
use walk::Lag;
pub use walk::Scope;
#[cfg(feature = "postgres")]
pub(crate) use walk::{Seen, Walk};

/// Entries without a line that are named; more are counted.
const MAX_NAMED: usize = 100;

/// What the chain's head is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// The anchor under the root, which may lag by one append and must be there if there is a chain.
    Anchor,
    /// A copy of it from elsewhere, of whatever age.
    Copy(PathBuf),
}

/// The chain's last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its entry.
    pub id: i64,
    /// 64 lower-case hex digits.
    pub hash: String,
}

/// What was found, up to the first problem.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Entries looked at.
    pub entries: u64,
    /// Those with a line in the chain.
    pub chained: u64,
    /// Those of the chain that another program had written.
    pub adopted: u64,
    /// The last line.
    pub head: Option<Head>,
    /// What another program has written above the head.
    pub unchained: Unchained,
    /// The last entry that the anchor, or its copy, agrees with.
    pub anchored: Option<i64>,
    /// The first thing that is wrong.
    pub problem: Option<Problem>,
}

/// Entries that no append has adopted yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unchained {
    /// How many.
    pub count: u64,
    /// The first hundred.
    pub ids: Vec<i64>,
}

impl Unchained {
    fn push(&mut self, id: i64) {
        self.count += 1;
        if self.ids.len() < MAX_NAMED {
            self.ids.push(id);
        }
    }

    fn first(&self) -> Option<i64> {
        self.ids.first().copied()
    }
}

/// [`Host::audit_verify`] for a root of which nothing is known: where there is no database, the anchor must
/// say nothing either.
pub async fn audit_verify(root: &Root, against: &Against) -> Result<Verified, StoreError> {
    if let Some(host) = Host::open_read_only(root).await? {
        return host.audit_verify(against).await;
    }
    let mut anchor = against.open(root).await?;
    if let Some((lines, _)) = &mut anchor {
        lines.settle()?;
    }
    walk::Walk::new(Scope::Whole, anchor).finish()
}

impl Against {
    async fn open(&self, root: &Root) -> Result<Option<(AnchorLines, Lag)>, StoreError> {
        match self {
            Against::Anchor => {
                let lines = AnchorLines::open(&root.chain_log()).await?;
                Ok(lines.map(|lines| (lines, Lag::OneAppend)))
            }
            Against::Copy(path) => Ok(Some((open_copy(path).await?, Lag::Any))),
        }
    }
}

impl Host {
    /// Goes through the whole log in one state of the database. 100,000 entries take less than a second, for
    /// which other programs' commits wait.
    pub async fn audit_verify(&self, against: &Against) -> Result<Verified, StoreError> {
        let verified = self.verify_once(against).await?;
        let anchor_is_missing =
            matches!(&verified.problem, Some(problem) if problem.wrong == Wrong::AnchorMissing);
        // The very first append may have come between the two looks.
        if anchor_is_missing && self.root().chain_log().exists() {
            return self.verify_once(against).await;
        }
        Ok(verified)
    }

    async fn verify_once(&self, against: &Against) -> Result<Verified, StoreError> {
        let anchor = against.open(self.root()).await?;
        self.db()
            .read(move |connection| Box::pin(rows::verify(connection, anchor)))
            .await
    }
}

async fn open_copy(path: &Path) -> Result<AnchorLines, StoreError> {
    AnchorLines::open(path).await?.ok_or_else(|| StoreError::Missing {
        path: path.to_owned(),
    })
}
