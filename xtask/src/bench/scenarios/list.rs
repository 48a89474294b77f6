//! What the operator types most: everything pending in fifty bottles, as a whole process.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::{Measure, Size};
use crate::bench::program::{self, trouble};
use crate::bench::reading::{Goal, Reading, percentile};
use crate::bench::subject::Subject;
use crate::command::{self, Failed};

const BOTTLES: usize = 50;
const PENDING: usize = 3;
const RUNS: usize = 100;

pub(super) fn list(subject: &Subject, size: Size) -> Measure {
    let root = program::scratch()?;
    fill(root.path(), BOTTLES, PENDING, 0)?;
    let mut times = Vec::new();
    for run in 0..=size.of(RUNS) {
        let mut command = lister(subject, root.path())?;
        let begun = Instant::now();
        let output = command.output().map_err(trouble("listing"))?;
        // The first run remembers what it showed, and warms the caches.
        if run > 0 {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        check(&output)?;
    }
    Ok(vec![
        Reading::lower("p50", percentile(&mut times, 0.5), "ms").goal(Goal::AtMost(25.0)),
        Reading::lower("p99", percentile(&mut times, 0.99), "ms"),
    ])
}

/// Fills a root through the store.
pub(super) fn fill(root: &Path, bottles: usize, pending: usize, archived: usize) -> Result<(), Failed> {
    let mut fill = program::built("examples/decide")?;
    fill.arg("fill")
        .arg(root)
        .args([bottles, pending, archived].map(|number| number.to_string()));
    command::run(fill.stdout(Stdio::null()))
}

fn lister(subject: &Subject, root: &Path) -> Result<Command, Failed> {
    if subject.is_ours() {
        let mut list = program::built("supervise")?;
        list.arg("--root").arg(root).args(["--json", "list"]);
        return Ok(list);
    }
    let mut script = subject.script("list")?;
    script.arg(root.join("queue"));
    Ok(script)
}

fn check(output: &std::process::Output) -> Result<(), Failed> {
    let listed = String::from_utf8_lossy(&output.stdout)
        .matches("\"arrival_timestamp\"")
        .count();
    if output.status.success() && listed == BOTTLES * PENDING {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failed::new(format!(
        "{listed} were listed; {}: {}",
        output.status,
        said.trim_end()
    )))
}
