//! HTTP: from an accepted connection to one message, and from an answer to bytes that were written.

mod backlog;
mod body;
mod connection;
mod connections;
mod events;
mod gate;
mod head;
mod link;
mod reply;
mod request;
mod scrape;
mod wire;

pub(crate) use connection::{Door, drive};
pub(crate) use connections::Connections;
pub(crate) use link::Link;
