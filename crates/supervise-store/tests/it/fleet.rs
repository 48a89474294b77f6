//! The fleet's database, in a temporary cluster of its own.

pub(crate) mod cluster;
mod rights;
mod setup;
mod tls;
