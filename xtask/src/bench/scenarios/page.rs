//! What is pending in a queue, beside a long history and beside none.

use std::process::Command;

use tempfile::TempDir;

use super::list::fill;
use super::{Measure, Size};
use crate::bench::program;
use crate::bench::reading::{Goal, Reading};
use crate::bench::subject::Subject;
use crate::command::{self, Failed};

const HISTORY: usize = 1_000_000;
const PENDING: usize = 20;
const TIMES: usize = 200;

pub(super) fn page(subject: &Subject, size: Size) -> Measure {
    let history = size.of(HISTORY);
    let (empty, full) = (time(subject, 0, size)?, time(subject, history, size)?);
    let readings = [("read", 0), ("open, read, close", 2)].map(|(what, at)| {
        let (empty, full) = (empty.get(at), full.get(at));
        let (empty, full) = (*empty.unwrap_or(&f64::NAN), *full.unwrap_or(&f64::NAN));
        [
            Reading::lower(format!("{what}, no history"), empty, "ms"),
            Reading::lower(format!("{what}, {history} archived"), full, "ms"),
            Reading::lower(format!("{what}, times slower"), full / empty, "").goal(Goal::AtMost(2.0)),
        ]
    });
    Ok(readings.concat())
}

/// Milliseconds, median and longest: of reading, then of all of it.
fn time(subject: &Subject, history: usize, size: Size) -> Result<Vec<f64>, Failed> {
    let root = program::scratch()?;
    let mut page = pager(subject, &root, history)?;
    let printed = command::read(page.arg(size.of(TIMES).to_string()))?;
    let numbers: Result<_, _> = printed.split_whitespace().map(str::parse).collect();
    numbers.map_err(|_| Failed::new(format!("no times: {printed}")))
}

fn pager(subject: &Subject, root: &TempDir, history: usize) -> Result<Command, Failed> {
    if subject.is_ours() {
        fill(root.path(), 1, PENDING, history)?;
        let mut page = program::built("examples/decide")?;
        page.arg("page").arg(root.path());
        return Ok(page);
    }
    let mut script = subject.script("page")?;
    script
        .arg(root.path())
        .args([PENDING, history].map(|number| number.to_string()));
    Ok(script)
}
