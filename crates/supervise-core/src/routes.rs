//! `routes.yaml`, the egress proxy's list of open hosts: read, and amended without touching anything else.
//!
//! The file is written by people, so an amendment is a splice into their text, never a reprint. What the
//! splice did is then read back and compared with what it should have done, comments included; a
//! difference is an error. So a file this module reads wrongly is refused, never silently widened.

mod by_hand;
mod delta;
mod document;
mod entry;
mod error;
mod flow;
mod lines;
mod merge;
mod patch;
mod rules;
mod shape;
mod spell;
mod trace;
mod write;

pub use delta::RouteChange;
pub use entry::{RouteAuth, RouteEntry, Routes};
pub use error::{RoutesError, RoutesProblem};
pub use merge::{Change, Merged, merge};
pub use trace::{Audited, Gone, NotUnderstood, Part, Reach, Traced, TracedRoute, trace_routes};
