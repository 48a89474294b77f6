//! The short forms of what is tortured at length by hand.

use super::{Missing, Outcome};
use crate::command::Failed;
use crate::torture;

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    torture::run(&torture::Args::short())?;
    Ok(Outcome::Passed)
}
