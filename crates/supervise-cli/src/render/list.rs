//! Two lines for each proposal: what is asked where, and under which id and why.

use supervise_core::{Level, Proposal, Route, SafeLine, mask_secrets};
use time::OffsetDateTime;

use crate::age::{in_units, seconds_since};
use crate::id::reference;
use crate::inbox::Item;
use crate::render::route;
use crate::risks;
use crate::ui::{Line, Paint, line};

const AGE_COLUMNS: usize = 6;
/// `!!` for a danger, `!` for a warning.
const MARK_COLUMNS: usize = 3;
const MAX_SLUG_COLUMNS: usize = 24;
/// More than any terminal shows in one row; the rest needn't be escaped only to be cut off.
const MAX_CHARS: usize = 400;

/// An item, and the worst level of its risks.
pub(crate) type Row<'a> = (&'a Item, Option<Level>);

/// The rows of `list`, each cut to `columns`.
pub(crate) fn rows(items: &[Row<'_>], columns: usize, now: OffsetDateTime) -> Vec<Line> {
    let slug = widest(items.iter().map(|(item, _)| item.slug.as_str().len())).min(MAX_SLUG_COLUMNS);
    let tool = widest(items.iter().map(|(item, _)| item.proposal.tool.name().len()));
    let before = AGE_COLUMNS + MARK_COLUMNS;
    let pair = |(item, worst): &Row<'_>| {
        let first = Line::default()
            .paint(Paint::Dim, age(&item.proposal, now))
            .pad_to(AGE_COLUMNS)
            .join(mark(*worst))
            .pad_to(before)
            .join(line![&item.slug].cut(MAX_SLUG_COLUMNS).painted(Paint::Bold))
            .pad_to(before + slug + 2)
            .and(item.proposal.tool)
            .pad_to(before + slug + tool + 4)
            .join(fitted(
                what(&item.proposal),
                joined(item.joined),
                columns,
                before + slug + tool + 4,
            ));
        let second = Line::default()
            .pad_to(before)
            .paint(Paint::Cyan, reference(&item.proposal))
            .and("  ")
            .paint(Paint::Dim, start(&item.proposal.justification));
        [first.cut(columns), second.cut(columns)]
    };
    items.iter().flat_map(pair).collect()
}

/// The marks differ without colour too.
fn mark(worst: Option<Level>) -> Line {
    match worst {
        Some(level @ Level::Danger) => line!["!!"].painted(risks::paint(level)),
        Some(level @ Level::Warn) => line!["!"].painted(risks::paint(level)),
        Some(Level::Info) | None => line![],
    }
}

fn widest(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.max().unwrap_or(0)
}

/// The count of joined calls is the program's own word, so a long payload may not push it out of the row.
fn fitted(what: Line, joined: Line, columns: usize, used: usize) -> Line {
    let room = columns.saturating_sub(used + joined.width()).max(8);
    what.cut(room).join(joined)
}

fn joined(count: u64) -> Line {
    match count {
        0 => line![],
        _ => line![" (+", count, " joined)"].painted(Paint::Yellow),
    }
}

fn age(proposal: &Proposal, now: OffsetDateTime) -> SafeLine {
    let age = seconds_since(&proposal.arrival_timestamp, now).map(in_units);
    SafeLine::new(&age.map_or_else(|| "?".to_owned(), |(count, unit)| format!("{count}{unit}")))
}

/// What it asks for, in a few words.
pub(crate) fn what(proposal: &Proposal) -> Line {
    let route = proposal
        .tool
        .asks_route()
        .then(|| Route::from_payload(&proposal.proposed_file).ok());
    match route.flatten() {
        Some(route) => route::summary(&route),
        None => line![start(&proposal.proposed_file)],
    }
}

/// The first line that isn't blank. A list is what people show around, so no secret stands in it.
fn start(text: &str) -> SafeLine {
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let enough: String = first.trim().chars().take(MAX_CHARS * 2).collect();
    let chars: String = mask_secrets(&enough).chars().take(MAX_CHARS).collect();
    SafeLine::new(&chars)
}

#[cfg(test)]
mod tests {
    use supervise_core::Tool;
    use supervise_store::Listed;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn rows_fit_the_columns_and_keep_what_is_ours() {
        let slug = "dev".parse().unwrap();
        let payload = format!("FROM x{}\n", "y".repeat(500));
        let proposal = Proposal::new(
            &slug,
            Tool::CapabilityBlock,
            payload,
            "日本語 because\nsecond line",
        )
        .with_arrival(datetime!(2026-11-20 23:00 UTC));
        let item = Item::new(
            &slug,
            Listed {
                proposal,
                joined: 3,
                timed_out: false,
            },
        );
        let items = [(&item, Some(Level::Danger))];
        for columns in [60, 80, 200] {
            let rows = rows(&items, columns, datetime!(2026-11-20 23:05 UTC));
            assert!(rows.iter().all(|row| row.width() <= columns));
            let plain = rows[0].plain();
            assert!(
                plain.starts_with("5m    !! dev  capability-block  FROM x"),
                "{plain}"
            );
            assert!(plain.ends_with("… (+3 joined)"), "{plain}");
        }
        let second = rows(&items, 200, datetime!(2026-11-20 23:05 UTC))[1].plain();
        assert!(second.ends_with("  日本語 because"), "{second}");
    }
}
