//! Where in the text a step is written, and in which style.
//!
//! Nothing here is trusted: `merge` reads the outcome back.

use super::document::{Document, Entry, Kind, Node, Quoting};
use super::entry::{is_null, route_nodes};
use super::flow;
use super::lines::{Splice, below, column, head, insert_below, is_blank, line_break, line_end, line_start};
use super::merge::Step;
use super::spell::spell;
use super::write::{PLAIN, Style, block_route, flow_route};
use crate::route::Route;

/// The splices that make `step`; `None` where the text has no place for it.
pub(super) fn splices(text: &str, document: &Document, step: &Step<'_>) -> Option<Vec<Splice>> {
    let routes = route_nodes(document).ok()?;
    match step {
        Step::Append(route) => match routes.last() {
            Some(last) => append_route(text, document, last, route),
            None => first_route(text, document, route),
        },
        Step::Extend { at, added } => extend(text, document, routes.get(*at)?, added),
        Step::Open { at } => open(text, document, routes.get(*at)?),
    }
}

fn append_route(text: &str, document: &Document, last: &Node, route: &Route) -> Option<Vec<Splice>> {
    let list = &document.root.as_ref()?.entry("routes")?.value;
    let host = last.entry("host")?;
    let style = Style {
        keys: key_quoting(text, host),
        values: quoting(&host.value),
    };
    if let Kind::Sequence { flow: true, .. } = list.kind {
        return Some(flow::append(text, list, &[flow_route(route, style)]));
    }
    let column = column(text, dash_of(text, document, last)?);
    Some(vec![insert_below(
        text,
        last.end,
        column,
        &block_route(route, style, column),
    )])
}

fn first_route(text: &str, document: &Document, route: &Route) -> Option<Vec<Splice>> {
    let Some(root) = &document.root else {
        let mut lines = vec!["routes:".to_owned()];
        lines.extend(block_route(route, PLAIN, 2));
        return Some(vec![insert_below(text, text.len(), 0, &lines)]);
    };
    let entry = root.entry("routes")?;
    let in_flow = matches!(root.kind, Kind::Mapping { flow: true, .. });
    let colon = flow::behind_colon(text, entry)?;
    let value = &entry.value;
    let one_line = !text[colon..value.end.max(colon)].contains(['\n', '#']);
    if !in_flow && one_line {
        let column = column(text, entry.key_at.start);
        let lines = block_route(route, PLAIN, column + 2);
        let below = insert_below(text, value.end.max(colon), column, &lines);
        return Some(vec![Splice::replace(colon..value.end.max(colon), ""), below]);
    }
    let keys = key_quoting(text, entry);
    let new = flow_route(route, Style { keys, values: keys });
    Some(match is_null(value) {
        true => vec![Splice::replace(
            value.start.max(colon)..value.end.max(colon),
            format!(" [{new}]"),
        )],
        false => flow::append(text, value, &[new]),
    })
}

fn extend(text: &str, document: &Document, route: &Node, added: &[String]) -> Option<Vec<Splice>> {
    let list = &route.entry("path_allowlist")?.value;
    let Kind::Sequence { flow, items } = &list.kind else {
        return None;
    };
    let last = items.last()?;
    let spelled = added.iter().map(|path| spell(path, quoting(last)));
    if *flow {
        return Some(flow::append(text, list, &spelled.collect::<Vec<_>>()));
    }
    let column = column(text, dash_of(text, document, last)?);
    let lines: Vec<String> = spelled.map(|path| format!("{:column$}- {path}", "")).collect();
    Some(vec![insert_below(text, last.end, column, &lines)])
}

fn open(text: &str, document: &Document, route: &Node) -> Option<Vec<Splice>> {
    let Kind::Mapping { flow, entries } = &route.kind else {
        return None;
    };
    let at = entries.iter().position(|entry| entry.key == "path_allowlist")?;
    let (entry, next) = (entries.get(at)?, entries.get(at + 1));
    if *flow {
        let before = at.checked_sub(1).and_then(|at| entries.get(at));
        return flow::remove(text, document, before, entry, next).map(|splice| vec![splice]);
    }
    let splice = match is_blank(head(text, entry.key_at.start)) {
        true => remove_lines(text, document, entry),
        // Behind the dash of its item: what comes next moves up to take its place.
        false => {
            let at = entry.key_at.start..next?.key_at.start;
            let indent = " ".repeat(column(text, at.start));
            let kept = kept_comments(text, document, &at);
            let newline = line_break(text);
            Splice::replace(
                at,
                kept.map(|comment| format!("{comment}{newline}{indent}"))
                    .collect::<String>(),
            )
        }
    };
    Some(vec![splice])
}

/// Takes an entry's lines away and leaves the comments that stood in them.
fn remove_lines(text: &str, document: &Document, entry: &Entry) -> Splice {
    let start = line_start(text, entry.key_at.start);
    let end = below(text, entry.value.end);
    let newline = line_break(text);
    let indent = head(text, entry.key_at.start);
    let kept = kept_comments(text, document, &(start..end)).map(|comment| format!("{indent}{comment}"));
    if end > 0 && text[..end].ends_with('\n') {
        return Splice::replace(start..end, kept.map(|line| line + newline).collect::<String>());
    }
    // The file's last line has no line break: the one before it goes, so that it ends as it did.
    let start = start
        .checked_sub(1)
        .map_or(0, |break_at| line_end(text, line_start(text, break_at)));
    Splice::replace(
        start..end,
        kept.map(|line| format!("{newline}{line}")).collect::<String>(),
    )
}

pub(super) fn kept_comments<'t>(
    text: &'t str,
    document: &'t Document,
    range: &std::ops::Range<usize>,
) -> impl Iterator<Item = &'t str> + use<'t> {
    let range = range.clone();
    let inside = move |at: &&std::ops::Range<usize>| range.contains(&at.start);
    document
        .comments
        .iter()
        .filter(inside)
        .map(|at| &text[at.clone()])
}

/// The dash before an item, over blanks, line breaks and comments.
fn dash_of(text: &str, document: &Document, item: &Node) -> Option<usize> {
    let mut at = item.start;
    loop {
        at = text[..at].trim_end_matches([' ', '\t', '\r', '\n']).len();
        match document.comments.binary_search_by_key(&at, |comment| comment.end) {
            Ok(comment) => at = document.comments.get(comment)?.start,
            Err(_) => return text[..at].ends_with('-').then(|| at - 1),
        }
    }
}

fn quoting(node: &Node) -> Quoting {
    match node.kind {
        Kind::Scalar { quoting, .. } => quoting,
        _ => Quoting::Plain,
    }
}

fn key_quoting(text: &str, entry: &Entry) -> Quoting {
    match text.as_bytes().get(entry.key_at.start) {
        Some(b'"') => Quoting::Double,
        Some(b'\'') => Quoting::Single,
        _ => Quoting::Plain,
    }
}
