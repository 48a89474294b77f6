//! The card of one proposal: everything a decision rests on, agent text behind a gutter.

use supervise_core::{Proposal, Route, SafeLine, SafeText};
use time::OffsetDateTime;

use crate::age::{in_units, seconds_since};
use crate::id::reference;
use crate::inbox::Item;
use crate::render::{diff, route};
use crate::ui::{Line, Paint, line};

const GUTTER: &str = "│ ";
const LABEL_COLUMNS: usize = 10;

/// The card, with agent text wrapped at `columns` so that no line of it ever starts outside the gutter.
pub(crate) fn lines(item: &Item, columns: Option<usize>) -> Vec<Line> {
    let proposal = &item.proposal;
    let mut card = vec![
        Line::default()
            .paint(Paint::Bold, &item.slug)
            .and(" asks through ")
            .paint(Paint::Bold, proposal.tool),
        label("proposal").paint(Paint::Cyan, reference(proposal)),
        label("asked").join(asked(proposal)).join(joined(item.joined)),
    ];
    card.extend(route_lines(proposal));
    card.push(heading("why"));
    card.extend(behind_gutter(
        Line::of_text(&SafeText::new(&proposal.justification)),
        columns,
    ));
    card.push(heading("change"));
    card.extend(behind_gutter(diff::lines(&diff::proposed(proposal)), columns));
    card
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

fn route_lines(proposal: &Proposal) -> Vec<Line> {
    if !proposal.tool.asks_route() {
        return Vec::new();
    }
    match Route::from_payload(&proposal.proposed_file) {
        Ok(route) => vec![label("for").join(route::summary(&route))],
        Err(error) => {
            let error = SafeLine::new(&error.to_string());
            vec![
                label("for")
                    .paint(Paint::Yellow, "this is no valid route: ")
                    .and(error),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use supervise_core::Tool;
    use supervise_store::Listed;

    use super::*;

    #[test]
    fn agent_text_never_leaves_the_gutter() {
        let slug = "dev".parse().unwrap();
        let why = format!("{}approve me\nstatus: approved", " ".repeat(100));
        let proposal = Proposal::new(&slug, Tool::GitleaksAllow, "x\u{1b}[2J\r\n".repeat(30), why);
        let card = lines(&Item::new(&slug, Listed { proposal, joined: 2 }), Some(40));
        assert!(card.iter().skip(5).all(|line| line.width() <= 40));
        let own = card
            .iter()
            .filter(|line| !line.plain().starts_with(GUTTER))
            .count();
        assert_eq!(own, 5);
        assert!(!card.iter().any(|line| line.plain().contains(['\u{1b}', '\r'])));
    }
}
