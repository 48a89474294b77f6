//! Routes with where they came from, and what doesn't fit the audit log: as tables and as JSON.

use std::collections::HashMap;

use serde::Serialize;
use supervise_core::{Gone, Part, Reach, RouteEntry, SafeLine, Slug, Traced, TracedRoute};
use supervise_store::AuditRow;

use super::audit::time;
use super::routes::{paths, sent, shown};
use crate::ui::{Line, Paint, line};

/// Where what a route opens is longer, the source behind it isn't aligned.
const MAX_REACH_COLUMNS: usize = 48;

type Entries = HashMap<i64, AuditRow>;

/// An element of `routes show --json`.
#[derive(Debug, Serialize)]
pub(crate) struct RouteObject<'a> {
    #[serde(flatten)]
    entry: &'a RouteEntry,
    origins: Vec<OriginObject<'a>>,
}

/// What an entry put in; all of its members are null for what none did.
#[derive(Debug, Serialize)]
struct OriginObject<'a> {
    #[serde(flatten)]
    reach: &'a Reach,
    #[serde(flatten)]
    source: SourceObject<'a>,
}

#[derive(Debug, Serialize)]
struct SourceObject<'a> {
    audit_id: Option<i64>,
    timestamp: Option<&'a str>,
    operator_action: Option<&'a str>,
    operator: Option<&'a str>,
}

/// What `routes check --json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct CheckedObject<'a> {
    bottle_slug: &'a str,
    drift: bool,
    unexplained: Vec<UnexplainedObject<'a>>,
    gone: Vec<GoneObject<'a>>,
    not_understood: Vec<NotUnderstoodObject<'a>>,
    unsettled: bool,
}

#[derive(Debug, Serialize)]
struct UnexplainedObject<'a> {
    host: &'a str,
    line: usize,
    #[serde(flatten)]
    reach: &'a Reach,
}

#[derive(Debug, Serialize)]
struct GoneObject<'a> {
    host: &'a str,
    /// `gone` or `narrowed`.
    route: &'static str,
    #[serde(flatten)]
    reach: &'a Reach,
    #[serde(flatten)]
    source: SourceObject<'a>,
}

#[derive(Debug, Serialize)]
struct NotUnderstoodObject<'a> {
    #[serde(flatten)]
    source: SourceObject<'a>,
    why: &'static str,
}

impl<'a> RouteObject<'a> {
    pub(crate) fn new(route: &'a TracedRoute, entries: &'a Entries) -> Self {
        let origin = |part: &'a Part| OriginObject {
            reach: &part.reach,
            source: SourceObject::new(part.audit_id, entries),
        };
        RouteObject {
            entry: &route.entry,
            origins: route.parts.iter().map(origin).collect(),
        }
    }
}

impl<'a> SourceObject<'a> {
    fn new(audit_id: Option<i64>, entries: &'a Entries) -> Self {
        let row = audit_id.and_then(|id| entries.get(&id));
        SourceObject {
            audit_id,
            timestamp: row.map(|row| row.entry.timestamp.as_str()),
            operator_action: row.map(|row| row.entry.operator_action.as_str()),
            operator: row.and_then(|row| row.origin.operator.as_deref()),
        }
    }
}

impl<'a> CheckedObject<'a> {
    pub(crate) fn new(slug: &'a Slug, traced: &'a Traced, entries: &'a Entries, unsettled: bool) -> Self {
        let unexplained = traced.routes.iter().filter_map(|route| {
            Some(UnexplainedObject {
                host: &route.entry.host,
                line: route.entry.line,
                reach: route.unexplained()?,
            })
        });
        let gone = traced.gone.iter().map(|gone| GoneObject {
            host: &gone.host,
            route: what_happened(gone),
            reach: &gone.reach,
            source: SourceObject::new(Some(gone.audit_id), entries),
        });
        let not_understood = traced.not_understood.iter().map(|entry| NotUnderstoodObject {
            source: SourceObject::new(Some(entry.audit_id), entries),
            why: entry.why,
        });
        CheckedObject {
            bottle_slug: slug.as_str(),
            drift: !traced.is_explained(),
            unexplained: unexplained.collect(),
            gone: gone.collect(),
            not_understood: not_understood.collect(),
            unsettled,
        }
    }
}

/// A row for each part of each route, in the file's order; the host stands in its first.
pub(crate) fn rows(routes: &[TracedRoute], entries: &Entries) -> Vec<Line> {
    let row = |route: &TracedRoute| {
        let host = line![].paint(Paint::Bold, shown(&route.entry.host));
        let hosts = [host].into_iter().chain(std::iter::repeat_with(Line::default));
        let part = |(host, part): (Line, &Part)| [host, reached(&part.reach), source(part.audit_id, entries)];
        hosts.zip(&route.parts).map(part).collect::<Vec<_>>()
    };
    table(routes.iter().flat_map(row).collect())
}

/// A row for everything that doesn't fit.
pub(crate) fn drift(traced: &Traced, entries: &Entries) -> Vec<Line> {
    let unexplained = traced.routes.iter().filter_map(|route| {
        let what = line![].paint(Paint::Red, "not explained").and("  ");
        Some([
            what.paint(Paint::Bold, shown(&route.entry.host)),
            reached(route.unexplained()?),
            line!["line ", route.entry.line].painted(Paint::Dim),
        ])
    });
    let gone = traced.gone.iter().map(|gone| {
        let what = line![].paint(Paint::Yellow, what_happened(gone)).pad_to(15);
        [
            what.paint(Paint::Bold, shown(&gone.host)),
            reached(&gone.reach),
            source(Some(gone.audit_id), entries),
        ]
    });
    table(unexplained.chain(gone).collect())
}

fn what_happened(gone: &Gone) -> &'static str {
    match gone.route_left {
        true => "narrowed",
        false => "gone",
    }
}

fn table(rows: Vec<[Line; 3]>) -> Vec<Line> {
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1).min(MAX_REACH_COLUMNS));
    let row = |[host, reach, source]: [Line; 3]| {
        let reach = reach.pad_to(second);
        host.pad_to(first).and("  ").join(reach).and("  ").join(source)
    };
    rows.into_iter().map(row).collect()
}

fn reached(reach: &Reach) -> Line {
    let opened = match (reach.every_path, reach.path_allowlist.as_slice()) {
        (true, _) => Some(paths(&[])),
        (false, []) => None,
        (false, prefixes) => Some(paths(prefixes)),
    };
    let sent = reach.auth.as_ref().map(|auth| line!["with "].join(sent(auth)));
    match (opened, sent) {
        (Some(opened), Some(sent)) => opened.and(", ").join(sent),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

fn source(audit_id: Option<i64>, entries: &Entries) -> Line {
    let Some(row) = audit_id.and_then(|id| entries.get(&id)) else {
        return line!["not from here"].painted(Paint::Yellow);
    };
    let operator = row.origin.operator.as_deref().unwrap_or("?");
    line![
        "audit ",
        row.id,
        ", ",
        time(&row.entry.timestamp),
        ", by ",
        SafeLine::new(operator)
    ]
    .painted(Paint::Dim)
}
