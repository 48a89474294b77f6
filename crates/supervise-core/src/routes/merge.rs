//! What one approved route makes of a routes file.

use super::document::Document;
use super::entry::{RouteEntry, Routes};
use super::error::{RoutesError, RoutesProblem};
use super::lines::splice;
use super::patch::splices;
use super::shape::{Shape, distinct};
use crate::route::Route;

/// What approving a route does to a routes file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// Nothing: all that the route asks for is open.
    AlreadyAllowed,
    /// This.
    Changed {
        /// The whole file, amended.
        text: String,
        /// What is open now that wasn't.
        change: Change,
    },
}

/// What an amendment opens. The credential of a host that has a route stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The host had no route; it has the one asked for, with its credential.
    RouteAdded,
    /// The host's route has these prefixes besides its own.
    PrefixesAdded {
        /// In the order they were asked for.
        added: Vec<String>,
    },
    /// The host's route has no prefixes any more: every path is open.
    HostOpened {
        /// The prefixes it had.
        dropped: Vec<String>,
    },
}

/// Amends the routes file `text` by `route`: a new host is appended, the prefixes of a known one are united,
/// and a route without prefixes opens its host. Everything else in the file stays as it is, byte for byte.
///
/// An empty text is a file without routes. Refuses, with the line, what it can't read without doubt and what
/// it can't amend without touching more.
///
/// ```
/// use supervise_core::{Change, Merged, Route, merge};
/// let file = "routes:\n  - host: example.com  # docs\n    path_allowlist: [/v1/]\n";
/// let route = Route::new("example.com", vec!["/v2/".into()], None).unwrap();
/// let Merged::Changed { text, change } = merge(file, &route)? else { unreachable!() };
/// assert_eq!(text, "routes:\n  - host: example.com  # docs\n    path_allowlist: [/v1/, /v2/]\n");
/// assert_eq!(change, Change::PrefixesAdded { added: vec!["/v2/".into()] });
/// assert_eq!(merge(&text, &route)?, Merged::AlreadyAllowed);
/// # Ok::<(), supervise_core::RoutesError>(())
/// ```
pub fn merge(text: &str, route: &Route) -> Result<Merged, RoutesError> {
    let document = Document::parse(text)?;
    let routes = Routes::read(&document)?;
    let Some((step, change)) = plan(&routes, route) else {
        return Ok(Merged::AlreadyAllowed);
    };
    let line = line_of(&step, &routes);
    let changed = splices(text, &document, &step).map(|splices| splice(text, splices));
    let changed = changed.filter(|changed| is_as_planned(text, &document, &step, changed));
    let text = changed.ok_or(RoutesProblem::Unpatchable.at(line))?;
    Ok(Merged::Changed { text, change })
}

/// One amendment, with the place of the route it is about.
#[derive(Debug)]
pub(super) enum Step<'r> {
    Append(&'r Route),
    Extend { at: usize, added: Vec<String> },
    Open { at: usize },
}

fn plan<'r>(routes: &Routes, route: &'r Route) -> Option<(Step<'r>, Change)> {
    let own = |entry: &RouteEntry| entry.host == route.host();
    let Some(at) = routes.entries().iter().position(own) else {
        return Some((Step::Append(route), Change::RouteAdded));
    };
    let entry = &routes.entries()[at];
    if entry.is_open() {
        return None;
    }
    if route.path_allowlist().is_empty() {
        let dropped = entry.path_allowlist.clone();
        return Some((Step::Open { at }, Change::HostOpened { dropped }));
    }
    let added = new_prefixes(entry, route)?;
    let step = Step::Extend {
        at,
        added: added.clone(),
    };
    Some((step, Change::PrefixesAdded { added }))
}

/// The prefixes that the entry doesn't name; `None` when it allows every one that is asked for.
fn new_prefixes(entry: &RouteEntry, route: &Route) -> Option<Vec<String>> {
    let asked = route.path_allowlist();
    if asked.iter().all(|prefix| entry.allows(prefix)) {
        return None;
    }
    let named = |prefix: &&str| entry.path_allowlist.iter().any(|own| own == prefix);
    Some(
        distinct(asked)
            .filter(|prefix| !named(prefix))
            .map(str::to_owned)
            .collect(),
    )
}

/// The last word before a text leaves: read back, it says what was planned and nothing else, no comment is
/// lost, and it ends as it ended.
fn is_as_planned(before: &str, document: &Document, step: &Step<'_>, after: &str) -> bool {
    let Ok(read_back) = Document::parse(after) else {
        return false;
    };
    let comments = |text: &str, document: &Document| -> Vec<String> {
        document
            .comments
            .iter()
            .map(|at| text[at.clone()].to_owned())
            .collect()
    };
    Routes::read(&read_back).is_ok()
        && Shape::of(document).after(step) == Some(Shape::of(&read_back))
        && comments(before, document) == comments(after, &read_back)
        && (before.is_empty() || before.ends_with('\n') == after.ends_with('\n'))
}

fn line_of(step: &Step<'_>, routes: &Routes) -> usize {
    let at = match step {
        Step::Append(_) => routes.entries().len().saturating_sub(1),
        Step::Extend { at, .. } | Step::Open { at } => *at,
    };
    routes.entries().get(at).map_or(1, |entry| entry.line)
}
