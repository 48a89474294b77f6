//! The figures side by side, as a table and as JSON.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::thread::available_parallelism;

use serde_json::{Value, json};

use super::program::trouble;
use super::reading::{Better, Reading, amount};
use super::subject::Subject;
use crate::command::Failed;

/// What one scenario said of one subject, or why it said nothing.
pub(super) struct Measured {
    pub(super) scenario: &'static str,
    pub(super) subject: String,
    /// What other programs used of the machine when it began.
    pub(super) busy_percent: f64,
    pub(super) readings: Result<Vec<Reading>, String>,
}

impl Measured {
    pub(super) fn is_our_failure(&self) -> bool {
        self.subject == Subject::Ours.name() && self.readings.is_err()
    }
}

/// The figures of one line of the table.
struct Row<'a> {
    scenario: &'static str,
    ours: &'a Reading,
    peers: Vec<Option<&'a Reading>>,
}

pub(super) fn print(subjects: &[Subject], measured: &[Measured]) -> Result<(), Failed> {
    let mut head = vec!["scenario".to_owned(), "figure".to_owned()];
    for (at, subject) in subjects.iter().enumerate() {
        head.push(subject.name().to_owned());
        head.extend((at > 0).then(|| "ours is".to_owned()));
    }
    head.extend(["goal", "met"].map(str::to_owned));
    let mut lines = vec![head];
    lines.extend(rows(subjects, measured).iter().map(cells));
    io::stdout()
        .write_all(aligned(&lines).as_bytes())
        .map_err(trouble("printing the table"))
}

fn rows<'a>(subjects: &[Subject], measured: &'a [Measured]) -> Vec<Row<'a>> {
    let find = |scenario, subject: &str, what: &str| {
        let of = |m: &&Measured| m.scenario == scenario && m.subject == subject;
        let readings = measured.iter().find(of)?.readings.as_ref().ok()?;
        readings.iter().find(|reading| reading.what == what)
    };
    let ours = measured.iter().filter(|m| m.subject == Subject::Ours.name());
    let readings = ours.flat_map(|m| m.readings.iter().flatten().map(|reading| (m.scenario, reading)));
    readings
        .map(|(scenario, ours)| Row {
            scenario,
            ours,
            peers: subjects
                .iter()
                .filter(|subject| !subject.is_ours())
                .map(|subject| find(scenario, subject.name(), &ours.what))
                .collect(),
        })
        .collect()
}

fn cells(row: &Row) -> Vec<String> {
    let show = |reading: &Reading| amount(reading.value, reading.unit);
    let mut cells = vec![row.scenario.to_owned(), row.ours.what.clone(), show(row.ours)];
    for peer in &row.peers {
        cells.push(peer.map_or("–".to_owned(), show));
        cells.push(peer.map_or(String::new(), |peer| times(row.ours, peer)));
    }
    let goals: Vec<String> = row.ours.goals.iter().map(ToString::to_string).collect();
    cells.push(goals.join(", "));
    let met = row.ours.meets(row.peers.first().copied().flatten());
    cells.push(met.map_or("", |met| if met { "yes" } else { "NO" }).to_owned());
    cells
}

fn times(ours: &Reading, peer: &Reading) -> String {
    let times = ours.times(peer);
    // Nothing lost against something lost has no ratio.
    if times.is_finite() && times > 0.0 {
        amount(times, "×")
    } else {
        String::new()
    }
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

pub(super) fn write_json(file: &Path, subjects: &[Subject], measured: &[Measured]) -> Result<(), Failed> {
    let figures = json!({
        "cores": available_parallelism().map_or(0, std::num::NonZero::get),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "subjects": subjects.iter().map(Subject::name).collect::<Vec<_>>(),
        "measured": measured.iter().map(measured_json).collect::<Vec<_>>(),
    });
    let written = file
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(file, format!("{figures:#}\n")));
    written.map_err(trouble(&file.display().to_string()))
}

fn measured_json(measured: &Measured) -> Value {
    let mut value = json!({
        "scenario": measured.scenario,
        "subject": measured.subject,
        "busy_percent": measured.busy_percent,
    });
    match &measured.readings {
        Ok(readings) => value["readings"] = readings.iter().map(reading_json).collect(),
        Err(reason) => value["failed"] = reason.as_str().into(),
    }
    value
}

fn reading_json(reading: &Reading) -> Value {
    json!({
        "what": reading.what,
        "value": reading.value,
        "unit": reading.unit,
        "better": if reading.better == Better::Lower { "lower" } else { "higher" },
        "goals": reading.goals.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "met": reading.meets(None),
    })
}
