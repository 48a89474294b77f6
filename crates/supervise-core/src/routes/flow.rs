//! Amending `[lists]` and `{mappings}` in brackets.

use super::document::{Document, Entry, Kind, Node};
use super::lines::{Splice, column, head, is_blank, line_break, line_end};
use super::patch::kept_comments;

/// Appends items to a list in brackets, one below the other if its last item stands on a line of its own.
pub(super) fn append(text: &str, list: &Node, new: &[String]) -> Vec<Splice> {
    let last = match &list.kind {
        Kind::Sequence { items, .. } => items.last(),
        _ => None,
    };
    let Some(last) = last else {
        return vec![Splice::insert(list.start + 1, new.join(", "))];
    };
    let own_line = head(text, last.start);
    if !is_blank(own_line) {
        return vec![Splice::insert(last.end, each(new, |item| format!(", {item}")))];
    }
    let below = format!("{}{own_line}", line_break(text));
    match rest_of_line(text, last.end) {
        Rest::Nothing => vec![
            Splice::insert(last.end, ","),
            Splice::insert(
                line_end(text, last.end),
                below.clone() + &new.join(&format!(",{below}")),
            ),
        ],
        Rest::Comma => vec![Splice::insert(
            line_end(text, last.end),
            each(new, |item| format!("{below}{item},")),
        )],
        Rest::Other => vec![Splice::insert(
            last.end,
            each(new, |item| format!(",{below}{item}")),
        )],
    }
}

/// Takes an entry out of a mapping in braces and leaves the comments that stood in it.
pub(super) fn remove(
    text: &str,
    document: &Document,
    before: Option<&Entry>,
    entry: &Entry,
    next: Option<&Entry>,
) -> Option<Splice> {
    let at = match next {
        Some(next) => entry.key_at.start..next.key_at.start,
        None => before?.value.end..entry.value.end,
    };
    let indent = " ".repeat(column(text, entry.key_at.start));
    let newline = line_break(text);
    let kept: String = kept_comments(text, document, &at)
        .map(|comment| format!(" {comment}{newline}{indent}"))
        .collect();
    Some(Splice::replace(at, kept))
}

/// Where the value of an entry may begin: behind its colon.
pub(super) fn behind_colon(text: &str, entry: &Entry) -> Option<usize> {
    let rest = &text[entry.key_at.end..];
    let colon = rest.trim_start_matches([' ', '\t']);
    let blanks = rest.len() - colon.len();
    colon.starts_with(':').then(|| entry.key_at.end + blanks + 1)
}

/// What follows an item in its line, comments aside.
enum Rest {
    Nothing,
    Comma,
    Other,
}

fn rest_of_line(text: &str, end: usize) -> Rest {
    let rest = text[end..line_end(text, end)].trim();
    let (comma, rest) = match rest.strip_prefix(',') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, rest),
    };
    match (rest.is_empty() || rest.starts_with('#'), comma) {
        (false, _) => Rest::Other,
        (true, true) => Rest::Comma,
        (true, false) => Rest::Nothing,
    }
}

fn each(items: &[String], spell: impl Fn(&String) -> String) -> String {
    items.iter().map(spell).collect()
}
