//! A fleet in the inbox: its bottles beside those of this host, and one connection for all of them.

#[cfg_attr(not(feature = "postgres"), path = "fleet/absent.rs")]
mod connected;

pub(crate) use connected::{pages, places_with};
