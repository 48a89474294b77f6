//! What one hunk did to the routes, told from its own lines.
//!
//! A hunk is a piece of a file. A route that begins above it or goes on below it says only half of what it
//! opens, so nothing is concluded from one: that counts as unclear, never as a change.

use super::super::entry::{RouteEntry, Routes};
use super::unified::Hunk;

/// Unchanged lines that follow a change, unless the file ends before.
const CONTEXT_LINES: usize = 3;
/// More lines that might begin a route are not tried: the time that takes grows with their square.
const MAX_TRIES: usize = 100;

/// A host's route before and afterwards; one of them may be missing, and they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) before: Option<RouteEntry>,
    pub(super) after: Option<RouteEntry>,
}

impl Delta {
    pub(super) fn host(&self) -> &str {
        let entry = self.after.as_ref().or(self.before.as_ref());
        entry.map_or("", |entry| &entry.host)
    }

    fn says_anything(&self) -> bool {
        let reach = |entry: &Option<RouteEntry>| {
            let entry = entry.as_ref()?;
            Some((entry.path_allowlist.clone(), entry.auth.clone()))
        };
        reach(&self.before) != reach(&self.after)
    }
}

/// The changes of a hunk below the lines `above`, or `None` when its lines don't say. Lines at its end that
/// cut a route in two are left out.
pub(super) fn deltas(above: &[String], hunk: &Hunk) -> Option<Vec<Delta>> {
    let kept = hunk.kept_behind();
    (0..=kept.min(CONTEXT_LINES)).find_map(|dropped| {
        let [old, new] = sides(above, hunk, dropped);
        let end = match kept >= CONTEXT_LINES || dropped > 0 {
            true => End::Cut,
            false => End::OfFile,
        };
        compare(&Side::read(&old), &Side::read(&new), end)
    })
}

/// Every host that a hunk's own lines name as a route, changed or not.
pub(super) fn hosts(hunk: &Hunk) -> Vec<String> {
    let named = |dropped| {
        let sides = sides(&[], hunk, dropped);
        let routes = sides.map(|side| Side::read(&side).routes);
        let hosts = routes
            .iter()
            .flat_map(Routes::entries)
            .map(|entry| entry.host.clone());
        hosts.collect::<Vec<_>>()
    };
    (0..=hunk.kept_behind().min(CONTEXT_LINES))
        .flat_map(named)
        .collect()
}

fn sides<'l>(above: &'l [String], hunk: &'l Hunk, dropped: usize) -> [Vec<&'l str>; 2] {
    [hunk.before(), hunk.after()].map(|mut lines| {
        lines.truncate(lines.len() - dropped);
        above.iter().map(String::as_str).chain(lines).collect()
    })
}

/// Whether the file ends where the lines do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    OfFile,
    Cut,
}

/// Lines of a file: those of a route, or of something else, that began above, and whole routes behind them.
#[derive(Debug, PartialEq, Eq)]
struct Side<'l> {
    head: Vec<&'l str>,
    routes: Routes,
}

impl<'l> Side<'l> {
    fn read(lines: &[&'l str]) -> Side<'l> {
        if let Ok(routes) = Routes::parse(&lines.join("\n")) {
            return Side {
                head: Vec::new(),
                routes,
            };
        }
        let is_item = |at: &usize| lines[*at].trim_start().starts_with("- ");
        let items = (0..lines.len()).filter(is_item).take(MAX_TRIES).find_map(|at| {
            let routes = Routes::parse(&format!("routes:\n{}", lines[at..].join("\n"))).ok()?;
            Some((at, routes))
        });
        let (at, routes) = items.unwrap_or((lines.len(), Routes::default()));
        let says_something = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let head = lines[..at].iter().filter(says_something).copied().collect();
        Side { head, routes }
    }

    fn is_last(&self, host: &str) -> bool {
        self.routes
            .entries()
            .last()
            .is_some_and(|entry| entry.host == host)
    }
}

fn compare(old: &Side<'_>, new: &Side<'_>, end: End) -> Option<Vec<Delta>> {
    if old.head != new.head {
        return None;
    }
    let deltas = between(&old.routes, &new.routes);
    let is_whole = |delta: &Delta| {
        let listed = |entry: &Option<RouteEntry>| entry.as_ref().is_some_and(|entry| !entry.is_open());
        let is_last = old.is_last(delta.host()) || new.is_last(delta.host());
        // A list that goes on below goes on alike on both sides.
        end == End::OfFile || !is_last || (listed(&delta.before) && listed(&delta.after))
    };
    deltas.iter().all(is_whole).then_some(deltas)
}

fn between(old: &Routes, new: &Routes) -> Vec<Delta> {
    let gone = old
        .entries()
        .iter()
        .filter(|entry| new.find(&entry.host).is_none());
    let gone = gone.map(|entry| Delta {
        before: Some(entry.clone()),
        after: None,
    });
    let left = new.entries().iter().map(|entry| Delta {
        before: old.find(&entry.host).cloned(),
        after: Some(entry.clone()),
    });
    gone.chain(left).filter(Delta::says_anything).collect()
}

/// One change for each host: a route that one hunk takes out and another puts in has moved.
pub(super) fn united(deltas: Vec<Delta>) -> Vec<Delta> {
    let mut united: Vec<Delta> = Vec::new();
    for delta in deltas {
        let halves = |one: &&mut Delta| {
            one.host() == delta.host()
                && one.before.is_some() != delta.before.is_some()
                && one.after.is_some() != delta.after.is_some()
        };
        match united.iter_mut().find(halves) {
            Some(other) => {
                other.before = other.before.take().or(delta.before);
                other.after = other.after.take().or(delta.after);
            }
            None => united.push(delta),
        }
    }
    united.retain(Delta::says_anything);
    united
}
