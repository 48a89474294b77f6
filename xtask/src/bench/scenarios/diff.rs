//! The diff of an honest large file, and of what costs most.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Measure, Size};
use crate::bench::inputs;
use crate::bench::program::{self, trouble};
use crate::bench::reading::{Goal, Reading};
use crate::bench::subject::Subject;
use crate::command::{self, Failed};

/// difflib needs hours for some of it.
const TIME_LIMIT_SECONDS: &str = "60";

pub(super) fn common(subject: &Subject, size: Size) -> Measure {
    let times = size.of(20);
    let [p50, _] = time(subject, &inputs::five_percent_changed(10_000), times)?;
    let reading = Reading::lower("10,000 lines, 5 % changed", p50, "ms");
    Ok(vec![reading.goal(Goal::TimesPeer(20.0))])
}

pub(super) fn worst(subject: &Subject, _: Size) -> Measure {
    let mut readings = Vec::new();
    for (name, pair) in inputs::adversarial() {
        let [_, longest] = time(subject, &pair, 3)?;
        let reading = Reading::lower(format!("1 MiB, {name}"), longest, "ms");
        readings.push(reading.goal(Goal::AtMost(1000.0)));
    }
    Ok(readings)
}

/// Milliseconds: the median and the longest of some runs.
fn time(subject: &Subject, pair: &inputs::Pair, times: usize) -> Result<[f64; 2], Failed> {
    let folder = program::scratch()?;
    let before = write(folder.path(), "before", &pair.before)?;
    let after = write(folder.path(), "after", &pair.after)?;
    let mut differ = differ(subject)?;
    differ.arg(before).arg(after).arg(times.to_string());
    if !subject.is_ours() {
        differ.arg(TIME_LIMIT_SECONDS);
    }
    let printed = command::read(&mut differ)?;
    let numbers: Vec<f64> = printed.split_whitespace().flat_map(str::parse).collect();
    match numbers[..] {
        [p50, longest] => Ok([p50, longest]),
        _ => Err(Failed::new(format!("no times: {printed}"))),
    }
}

fn differ(subject: &Subject) -> Result<Command, Failed> {
    if !subject.is_ours() {
        return subject.script("diff");
    }
    let mut differ = program::built("examples/decide")?;
    differ.arg("diff");
    Ok(differ)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Failed> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(trouble("writing the files to compare"))?;
    Ok(path)
}
