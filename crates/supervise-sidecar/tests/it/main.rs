//! The sidecar over real sockets and a real database, one module per promise.
#![allow(clippy::unwrap_used, reason = "a test that fails should panic where it fails")]

mod answers;
mod bottle;
mod cancels;
mod client;
mod conformance;
mod delivery;
mod doubles;
mod embedded;
mod half_closed;
mod hardening;
mod http;
mod limits;
mod logging;
mod metrics;
mod modern;
mod original;
mod program;
mod python_mcp;
mod readers;
mod rmcp_client;
mod routes;
mod rpc;
mod rules;
mod sdk;
mod shutdown;
mod sticky;
mod streams;
mod typescript_mcp;
mod undecidable;
