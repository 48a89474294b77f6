//! The store on real files: one module per resource.
#![allow(clippy::unwrap_used, reason = "a test that fails should panic where it fails")]

mod asks;
mod audit;
mod decisions;
mod files;
mod fixture;
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
