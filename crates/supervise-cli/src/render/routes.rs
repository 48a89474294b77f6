//! What an edit of the routes comes to.

use supervise_core::{RouteAuth, RouteChange, RouteEntry, SafeLine, mask_secrets};

use crate::ui::{Line, Paint, line};

/// The changes, what they open first and what they close behind it.
pub(crate) fn changes(changes: &[RouteChange<'_>]) -> Vec<Line> {
    changes.iter().map(change).collect()
}

fn change(change: &RouteChange<'_>) -> Line {
    let mut parts = Vec::new();
    if let Some(opens) = change.opens() {
        parts.push(line!["opens "].join(paths(&opens)).painted(Paint::Green));
    }
    if let Some(closes) = change.closes() {
        parts.push(line!["closes "].join(paths(&closes)).painted(Paint::Red));
    }
    let auth = |entry: Option<&RouteEntry>| credential(entry).unwrap_or_else(|| line!["no credential"]);
    if change.swaps_credential() {
        let swap = line!["sends "].join(auth(change.after)).and(" instead of ");
        parts.push(swap.join(auth(change.before)).painted(Paint::Yellow));
    } else if change.before.is_none() {
        parts.extend(credential(change.after).map(|own| line!["sends "].join(own)));
    }
    let host = line![].paint(Paint::Bold, shown(change.host())).and(": ");
    let mut parts = parts.into_iter();
    let first = host.join(parts.next().unwrap_or_default());
    parts.fold(first, |line, part| line.and(", ").join(part))
}

pub(super) fn paths(paths: &[String]) -> Line {
    match paths {
        [] => line!["every path"],
        paths => line![shown(&paths.join(" "))],
    }
}

fn credential(entry: Option<&RouteEntry>) -> Option<Line> {
    entry?.auth.as_ref().map(sent)
}

/// A credential by its name.
pub(super) fn sent(auth: &RouteAuth) -> Line {
    line![shown(&auth.token_ref), " as ", shown(&auth.scheme)]
}

/// A list is what people show around, so no secret stands in it.
pub(super) fn shown(text: &str) -> SafeLine {
    SafeLine::new(&mask_secrets(text))
}
