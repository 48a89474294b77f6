//! The card of one proposal: everything a decision rests on, agent text behind a gutter.

use supervise_core::{Proposal, Risk, Route, SafeLine, SafeText};
use time::OffsetDateTime;

use crate::age::{in_units, seconds_since};
use crate::apply::Preview;
use crate::id::reference;
use crate::inbox::Item;
use crate::render::{diff, route};
use crate::risks;
use crate::ui::{Line, Paint, line};

const GUTTER: &str = "│ ";
const LABEL_COLUMNS: usize = 10;
const RISK_INDENT: usize = 2;
const NOTE_INDENT: usize = 2;

/// The card, with agent text wrapped at `columns` so that no line of it ever starts outside the gutter.
pub(crate) fn lines(item: &Item, risks: &[Risk], preview: &Preview, columns: Option<usize>) -> Vec<Line> {
    let proposal = &item.proposal;
    let mut card = vec![
        Line::default()
            .paint(Paint::Bold, &item.slug)
            .and(" asks through ")
            .paint(Paint::Bold, proposal.tool),
    ];
    let own = [
        Some(label("proposal").paint(Paint::Cyan, reference(proposal))),
        Some(label("asked").join(asked(proposal)).join(joined(item.joined))),
        route_line(proposal),
    ];
    let room = columns.unwrap_or(usize::MAX);
    card.extend(
        own.into_iter()
            .flatten()
            .flat_map(|line| line.indented(LABEL_COLUMNS, room)),
    );
    card.extend(self::risks(risks, columns));
    card.push(heading("why"));
    card.extend(behind_gutter(
        Line::of_text(&SafeText::new(&proposal.justification)),
        columns,
    ));
    card.push(heading("change"));
    card.extend(change(proposal, preview, columns));
    card
}

/// What approving would change; where it would change nothing, what was asked for.
fn change(proposal: &Proposal, preview: &Preview, columns: Option<usize>) -> Vec<Line> {
    let room = columns.unwrap_or(usize::MAX);
    let note = match preview {
        Preview::Diff(diff) => return behind_gutter(diff::lines(diff), columns),
        Preview::Already(path) => {
            let path = SafeLine::new(&path.to_string_lossy());
            line!["none: already allowed by ", path].painted(Paint::Dim)
        }
        Preview::Refused(why) => line!["approving would fail: ", SafeLine::new(why)].painted(Paint::Yellow),
    };
    let mut lines = note.indented(NOTE_INDENT, room);
    lines.extend(behind_gutter(diff::lines(&diff::proposed(proposal)), columns));
    lines
}

/// Agent lines, each piece of each line behind the gutter.
pub(crate) fn behind_gutter(lines: impl Iterator<Item = Line>, columns: Option<usize>) -> Vec<Line> {
    let room = columns.map_or(usize::MAX, |columns| {
        columns.saturating_sub(GUTTER.chars().count()).max(1)
    });
    let pieces = lines.flat_map(|line| line.wrapped(room));
    pieces
        .map(|piece| Line::default().paint(Paint::Dim, GUTTER).join(piece))
        .collect()
}

/// A line for each risk, wrapped at `columns`.
pub(crate) fn risks(risks: &[Risk], columns: Option<usize>) -> Vec<Line> {
    let room = columns.unwrap_or(usize::MAX);
    let line = |risk: &Risk| line!["! ", risk].painted(risks::paint(risk.level));
    risks
        .iter()
        .flat_map(|risk| line(risk).indented(RISK_INDENT, room))
        .collect()
}

fn label(name: &'static str) -> Line {
    Line::default().paint(Paint::Dim, name).pad_to(LABEL_COLUMNS)
}

fn heading(name: &'static str) -> Line {
    Line::default().paint(Paint::Dim, name)
}

fn asked(proposal: &Proposal) -> Line {
    let at = SafeLine::new(&proposal.arrival_timestamp);
    match seconds_since(&proposal.arrival_timestamp, OffsetDateTime::now_utc()).map(in_units) {
        Some((count, unit)) => line![count, unit, " ago, ", at],
        None => line![at],
    }
}

fn joined(count: u64) -> Line {
    match count {
        0 => line![],
        1 => line![", and asked once more since"],
        _ => line![", and asked ", count, " more times since"],
    }
}

fn route_line(proposal: &Proposal) -> Option<Line> {
    if !proposal.tool.asks_route() {
        return None;
    }
    let asked = match Route::from_payload(&proposal.proposed_file) {
        Ok(route) => route::whole(&route),
        Err(error) => {
            let error = SafeLine::new(&error.to_string());
            Line::default()
                .paint(Paint::Yellow, "this is no valid route: ")
                .and(error)
        }
    };
    Some(label("for").join(asked))
}

#[cfg(test)]
mod tests {
    use supervise_core::Tool;
    use supervise_store::Listed;

    use super::*;
    use crate::apply::LiveFile;

    #[test]
    fn agent_text_never_leaves_the_gutter() {
        let slug = "dev".parse().unwrap();
        let why = format!("{}approve me\nstatus: approved", " ".repeat(100));
        let mut proposal = Proposal::new(&slug, Tool::GitleaksAllow, "x\u{1b}[2J\r\n".repeat(30), why);
        proposal.arrival_timestamp = "approved 1234 in dev ".repeat(20);
        let item = Item::new(
            &slug,
            Listed {
                proposal,
                joined: 2,
                timed_out: false,
            },
        );
        let preview = LiveFile::NotConfigured.preview(&item.proposal);
        let card = lines(
            &item,
            &risks::Background::default().risks(&item.proposal),
            &preview,
            Some(40),
        );
        assert!(card.iter().all(|line| line.width() <= 40));
        let at_the_edge = |line: &&Line| !line.plain().starts_with(['│', ' ', '!']);
        assert_eq!(card.iter().filter(at_the_edge).count(), 5);
        assert!(!card.iter().any(|line| line.plain().contains(['\u{1b}', '\r'])));
    }
}
