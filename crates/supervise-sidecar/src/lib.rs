//! The MCP server beside an agent: holds each request until the operator has decided.
//!
//! [`serve`] is the whole server, a function of a bound listener, a bottle's queue, a [`Config`] and a
//! future that ends it. [`run`] is the program around it. A held call goes straight through: `http` reads
//! one message, `rpc` and `mcp` find out what it asks, `call` puts it to the store, `hold` waits,
//! `answer` words the result.
//!
//! To have a sidecar in a program of your own, bind a listener, open the queue, and give both to [`serve`]
//! with a future that is ready when the server shall stop; the environment is read by
//! [`Config::from_lookup`] alone, and signals by [`run`] alone. `examples/embed.rs` does it. A panic in a
//! request is contained and counted; the text of a panic may hold an agent's, so a program that embeds this
//! and prints panics should escape them with [`SafeLine`](supervise_core::SafeLine), as [`run`] does.
//!
//! What it is not: it decides nothing, and nothing that comes in over HTTP reaches a way to decide.
#![warn(missing_docs)]

mod answer;
mod call;
mod config;
mod contain;
mod exchange;
#[cfg(test)]
mod failpoint;
mod healthcheck;
mod hold;
mod http;
mod log;
mod mcp;
mod metrics;
mod program;
mod routes;
mod rpc;
mod server;
mod settings;
mod sidecar;
mod unique;

pub use config::{Config, ConfigError};
pub use program::run;
pub use routes::{ProxyUrl, ProxyUrlError};
pub use server::{serve, serve_with_metrics};
pub use settings::{
    ALLOWED_HOSTS, BIND, BOTTLE_SLUG, DEBUG, EGRESS_PROXY_URL, MAX_CONNECTIONS, MAX_PENDING, MAX_PER_MINUTE,
    MAX_QUEUE_BYTES, METRICS, PORT, QUEUE_DIR, QUEUE_URL, RESPONSE_TIMEOUT,
};
