//! The store on real files: one module per resource.
#![allow(clippy::unwrap_used, reason = "a test that fails should panic where it fails")]

// The fixture with a cluster is shared with the tests inside the crate.
#[cfg(feature = "postgres")]
use supervise_store::{FleetAdmin, FleetUrl};

mod asks;
mod audit;
mod decisions;
mod files;
mod fixture;
#[cfg(feature = "postgres")]
mod fleet;
mod guards;
mod hostile;
mod log;
mod model;
mod prune;
mod recovery;
mod refusals;
mod shown;
mod story;
mod tampering;
mod triggers;
mod verify;
mod waiting;
