//! A long audit log, verified by a whole process.

use std::process::Stdio;
use std::time::Instant;

use super::{Measure, Size};
use crate::bench::program::{self, trouble};
use crate::bench::reading::{Goal, Reading, percentile};
use crate::bench::subject::Subject;
use crate::command::{self, Failed};

const ENTRIES: usize = 100_000;
const RUNS: usize = 10;

pub(super) fn verify(_: &Subject, size: Size) -> Measure {
    let root = program::scratch()?;
    let entries = size.of(ENTRIES);
    let mut fill = program::built("examples/decide")?;
    fill.arg("fill-audit").arg(root.path()).arg(entries.to_string());
    command::run(fill.stdout(Stdio::null()))?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let mut verify = program::built("supervise")?;
        verify
            .arg("--root")
            .arg(root.path())
            .args(["--json", "audit", "verify"]);
        let begun = Instant::now();
        let output = verify.output().map_err(trouble("verifying"))?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !said.contains(&format!("\"chained\":{entries},")) {
            return Err(Failed::new(format!("not verified: {said}")));
        }
    }
    let what = |share: &str| format!("{share}, {entries} entries");
    Ok(vec![
        Reading::lower(what("p50"), percentile(&mut times, 0.5), "ms").goal(Goal::AtMost(1000.0)),
        Reading::lower(what("longest"), percentile(&mut times, 1.0), "ms"),
    ])
}
