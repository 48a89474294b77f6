//! The program as its operator runs it: the real binary, in an environment of its own.
#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on should say where it stopped"
)]
// The macros print to stderr only where a test explains its own failure.
#![allow(clippy::print_stderr, reason = "measurements are part of what a test tells")]

mod world;

// The fixture with a cluster is the store's.
#[cfg(feature = "postgres")]
use supervise_store::{FleetAdmin, FleetUrl};

mod approve;
mod attention;
mod audit;
mod audit_export;
mod audit_follow;
mod audit_full;
mod audit_verify;
mod completions;
mod crash;
mod demo;
mod descriptors;
mod doctor;
mod effects;
mod escapes;
mod exit_codes;
mod failpoints;
#[cfg(feature = "postgres")]
mod fleet;
mod hooks;
mod ids;
mod keys;
mod list;
mod man;
mod mitmproxy;
mod modify;
mod original;
mod prepare;
mod prune;
mod queues;
mod race;
mod reject;
mod reopen;
mod review;
mod routes;
mod screens;
mod secrets;
mod shells;
mod show;
mod submit;
mod terminal;
mod tmux;
mod watch;
