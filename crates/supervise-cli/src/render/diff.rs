//! The diff of a proposal, and its colours.

use supervise_core::{Proposal, SafeText, render_diff};

use crate::ui::{Line, Paint};

/// The proposal's own text, as a diff from nothing.
pub(crate) fn proposed(proposal: &Proposal) -> String {
    render_diff("", &proposal.proposed_file, proposal.tool.diff_label())
}

/// The lines of a diff in the usual colours.
pub(crate) fn lines(diff: &str) -> impl Iterator<Item = Line> {
    let safe = SafeText::new(diff);
    let lines: Vec<Line> = Line::of_text(&safe)
        .enumerate()
        .map(|(at, line)| painted(at, line))
        .collect();
    lines.into_iter()
}

/// Only the first two lines are headers: further down such a line is the file's own text.
fn painted(at: usize, line: Line) -> Line {
    let paint = match line.plain().as_bytes().first() {
        _ if at < 2 => Paint::Bold,
        Some(b'+') => Paint::Green,
        Some(b'-') => Paint::Red,
        Some(b'@') => Paint::Cyan,
        Some(b'\\') => Paint::Dim,
        _ => Paint::Plain,
    };
    line.painted(paint)
}
