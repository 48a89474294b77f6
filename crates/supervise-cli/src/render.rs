//! How proposals and audit entries look: on a terminal, and as JSON.

pub(crate) mod audit;
pub(crate) mod card;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod objects;
pub(crate) mod pruned;
pub(crate) mod route;
pub(crate) mod routes;
pub(crate) mod traced;
pub(crate) mod verified;
