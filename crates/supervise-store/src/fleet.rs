//! The queues of a fleet in one PostgreSQL database: a role for each bottle, one for the operators.
//!
//! What each role may do is decided by the database alone, in `schema/`; nothing here is trusted with it. What
//! comes back is checked as what lies in a bottle's own file is: the other side may have written anything that
//! its role permits.

mod admin;
mod answer;
mod audit;
mod bottle;
mod connect;
mod inbox;
mod link;
mod load;
mod operator;
mod pages;
mod password;
mod publish;
mod row;
mod schema;
mod side;
mod trouble;
mod url;
mod verify;

#[cfg(test)]
#[path = "../tests/it/fleet/cluster.rs"]
mod cluster;
#[cfg(test)]
mod tests;

pub use admin::{FleetAdmin, FleetBottle};
pub(crate) use audit::Record;
pub(crate) use bottle::BottleLine;
pub use inbox::Fleet;
pub(crate) use side::OperatorSide;
pub use url::{FleetUrl, FleetUrlError};
