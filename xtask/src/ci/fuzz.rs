//! The fuzz targets, each for a few seconds.

use super::{Missing, Outcome};
use crate::command::Failed;
use crate::fuzz;

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    // Even where all steps are wanted: a machine's nightly compiler is nobody's to install.
    if !fuzz::is_there() {
        return Ok(Outcome::Skipped("no nightly compiler with cargo-fuzz"));
    }
    fuzz::run(&fuzz::Args {
        seconds: 10,
        only: Vec::new(),
    })?;
    Ok(Outcome::Passed)
}
