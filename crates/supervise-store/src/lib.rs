//! The proposal queue of a bottle and the audit log of a host, on SQLite.
//!
//! [`Queue`] is one bottle's queue: the sidecar opens or joins proposals in it and holds calls until they
//! are decided. [`Host`] is the operator's side: the audit log, the locks, and the six steps of a
//! decision. The database files are shared with another program and, for a queue, with an untrusted peer;
//! every open is guarded and every schema checked.
//!
//! No SQL type appears in a signature here: what comes back are the types of `supervise-core`.
//!
//! ```
//! use supervise_core::{Root, Slug};
//! use supervise_store::{Bottle, Queue, bottles, prepare};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let root = Root::new(dir.path());
//! let slug: Slug = "dev".parse()?;
//! let plan = prepare(&root, &slug)?;
//! let queue = Queue::create(&plan.queue_dir, &slug).await?;
//! assert!(queue.proposal_page().await?.proposals.is_empty());
//! assert!(matches!(&bottles(&root)?[..], [Bottle::Queue(found, _)] if *found == slug));
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

// First, because the macros with its columns are used by those below.
#[macro_use]
mod row;

mod anchor;
mod asks;
mod audit;
mod bottles;
mod carried;
mod chain;
mod claims;
mod connection;
mod decisions;
mod edits;
mod endings;
mod error;
mod examine;
mod files;
#[cfg(feature = "postgres")]
mod fleet;
mod found;
mod guard;
mod hold;
mod host;
mod inbox;
mod intents;
mod limits;
mod line;
mod lock;
mod mount;
mod notes;
mod place;
mod prune;
mod queue;
mod queue_url;
mod recovery;
mod refusals;
mod retention;
mod schema;
mod shown;
mod shown_file;
mod task;
mod verify;
mod watch;

pub use asks::{Asked, Checked, Undelivered};
pub use audit::{AuditColumn, AuditFilter, AuditOrder, AuditOrigin, AuditRow};
pub use bottles::{Bottle, bottles, prepare};
pub use chain::{ChainLine, Link};
pub use decisions::{Audited, Claimed, Decided, DecisionRequest, Intended, Verdict};
pub use edits::{EditRequest, IntendedEdit};
pub use endings::Withdrawal;
pub use error::{DecisionError, StoreError};
pub use examine::{AuditedDecisions, Examined, WrittenAnswer};
#[cfg(feature = "postgres")]
pub use fleet::{Fleet, FleetAdmin, FleetBottle, FleetUrl, FleetUrlError};
pub use found::{Found, State};
pub use hold::{Answer, Delivery, Hold, Outcome};
pub use host::Host;
pub use inbox::{Hidden, Listed, Page};
pub use limits::{Limit, Limits, Usage};
pub use lock::BottleLock;
pub use mount::Mount;
pub use place::{Backend, Place};
pub use prune::{Archive, Archived, Freed, PrunePlan, Retention};
pub use queue::Queue;
pub use queue_url::{QueueUrl, QueueUrlError};
pub use recovery::{Recovered, RecoveredAs, Recovery, Unfinished};
pub use refusals::{Refusal, Sticky};
pub use shown::Shown;
pub use shown_file::ShownFile;
pub use verify::{Against, ExportVerifier, Head, Problem, Scope, Unchained, Verified, Wrong, audit_verify};
