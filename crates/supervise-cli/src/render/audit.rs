//! Audit entries as a table.

use supervise_core::{SafeLine, mask_secrets};
use supervise_store::AuditRow;

use crate::ui::{Line, Paint, line};

/// `2026-11-20 23:23:57` of `2026-11-20T23:23:57.110789+00:00`.
const TIME_CHARS: usize = 19;
const ACTION_COLUMNS: usize = 13;
const MAX_CHARS: usize = 400;

/// One row for each entry, cut to `columns`.
pub(crate) fn rows(entries: &[AuditRow], columns: usize) -> Vec<Line> {
    entries.iter().map(|row| row_of(row).cut(columns)).collect()
}

fn row_of(row: &AuditRow) -> Line {
    let entry = &row.entry;
    let action = SafeLine::new(&entry.operator_action);
    let operator = row.origin.operator.as_deref().unwrap_or("?");
    line![row.id]
        .pad_to(6)
        .paint(Paint::Dim, time(&entry.timestamp))
        .and("  ")
        .join(
            Line::default()
                .paint(paint(&entry.operator_action), action)
                .pad_to(ACTION_COLUMNS),
        )
        .and("  ")
        .paint(Paint::Bold, SafeLine::new(&entry.bottle_slug))
        .and(" ")
        .and(SafeLine::new(&entry.component))
        .and("  by ")
        .and(SafeLine::new(operator))
        .join(notes(&entry.operator_notes))
}

/// A timestamp to the second.
pub(super) fn time(timestamp: &str) -> SafeLine {
    let shown: String = timestamp.chars().take(TIME_CHARS).collect();
    SafeLine::new(&shown.replacen('T', " ", 1))
}

fn paint(action: &str) -> Paint {
    match action {
        "approved" | "modified" => Paint::Green,
        "rejected" | "apply-failed" => Paint::Red,
        _ => Paint::Yellow,
    }
}

fn notes(notes: &str) -> Line {
    if notes.is_empty() {
        return line![];
    }
    // Masked before it is cut, or the beginning of a secret would be left.
    let enough: String = notes.chars().take(MAX_CHARS * 2).collect();
    let start: String = mask_secrets(&enough).chars().take(MAX_CHARS).collect();
    line![": ", SafeLine::new(&start)]
}
