//! How long the diff of two files takes.

use std::fs;

use supervise_core::render_diff;

use crate::Error;
use crate::clock::{spread, timed};

/// Milliseconds, the median and the longest.
pub(crate) fn time(before: &str, after: &str, times: usize) -> Result<String, Error> {
    let (before, after) = (fs::read_to_string(before)?, fs::read_to_string(after)?);
    let mut took = Vec::new();
    for _ in 0..times {
        let (diff, time) = timed(|| render_diff(&before, &after, "routes.yaml"));
        if diff.is_empty() {
            return Err("the files are equal".into());
        }
        took.push(time);
    }
    Ok(spread(took))
}
