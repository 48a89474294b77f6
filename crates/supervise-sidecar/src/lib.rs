//! The MCP server beside an agent: holds each request until the operator has decided.
//!
//! [`serve`] is the whole server, a function of a bound listener, a bottle's queue, a [`Config`] and a
//! future that ends it. [`run`] is the program around it. A held call goes straight through: `http` reads
//! one message, `rpc` and `mcp` find out what it asks, `call` puts it to the store, `hold` waits,
//! `answer` words the result.
//!
//! What it is not: it decides nothing, and nothing that comes in over HTTP reaches a way to decide.
#![warn(missing_docs)]

mod answer;
mod call;
mod config;
mod exchange;
mod healthcheck;
mod hold;
mod http;
mod log;
mod mcp;
mod program;
mod routes;
mod rpc;
mod server;
mod settings;
mod sidecar;

pub use config::{Config, ConfigError};
pub use program::run;
pub use routes::{ProxyUrl, ProxyUrlError};
pub use server::serve;
pub use settings::{
    ALLOWED_HOSTS, BIND, BOTTLE_SLUG, DEBUG, EGRESS_PROXY_URL, MAX_CONNECTIONS, MAX_PENDING, MAX_PER_MINUTE,
    MAX_QUEUE_BYTES, PORT, QUEUE_DIR, RESPONSE_TIMEOUT,
};
