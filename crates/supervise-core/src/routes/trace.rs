//! Where the routes of a file came from, as the audit log tells it, and what of the log isn't in the file.
//!
//! Each entry's diff is read by itself, hunk by hunk: what was changed by hand between two entries moves
//! lines, and must explain nothing. The file is used only to find the host above a hunk that doesn't show it,
//! and such a host counts only if some entry names it.

mod fragment;
mod granted;
mod undo;
mod unified;

use std::collections::HashSet;

use serde::Serialize;

use self::fragment::Delta;
use self::granted::Granted;
use self::undo::Lines;
use self::unified::{Hunk, Malformed};
use super::entry::{RouteAuth, RouteEntry, Routes};
use super::error::RoutesError;
use crate::audit::ACTION_OPERATOR_EDIT;
use crate::response::Status;
use crate::route::Route;

/// An entry of the audit log about a bottle's egress.
#[derive(Debug, Clone, Copy)]
pub struct Audited<'a> {
    /// Its number.
    pub id: i64,
    /// Its `operator_action`; only what changed something counts.
    pub action: &'a str,
    /// Its `diff`.
    pub diff: &'a str,
}

/// What a route, or a part of one, lets through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Reach {
    /// Whether that is every path.
    pub every_path: bool,
    /// Path prefixes; none does not mean every path here.
    pub path_allowlist: Vec<String>,
    /// The credential the proxy adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<RouteAuth>,
}

/// What one entry put into a live route, or what none did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The entry; `None` for what no entry explains.
    pub audit_id: Option<i64>,
    /// What it put in.
    pub reach: Reach,
}

/// A live route with where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedRoute {
    /// The route.
    pub entry: RouteEntry,
    /// Its parts, which together are the route.
    pub parts: Vec<Part>,
}

/// What an entry put in, none took out, and isn't in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The host in its one spelling.
    pub host: String,
    /// Whether it still has a route: then that was narrowed.
    pub route_left: bool,
    /// The entry that put it in.
    pub audit_id: i64,
    /// What is missing.
    pub reach: Reach,
}

/// An entry that may have changed more than could be told from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUnderstood {
    /// The entry.
    pub audit_id: i64,
    /// Why, as the end of a sentence.
    pub why: &'static str,
}

/// A routes file compared with the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traced {
    /// The live routes, in the file's order.
    pub routes: Vec<TracedRoute>,
    /// What is missing, by host.
    pub gone: Vec<Gone>,
    /// Entries that explain less than they might; nothing is taken for explained because of them.
    pub not_understood: Vec<NotUnderstood>,
}

impl TracedRoute {
    /// What no entry explains.
    pub fn unexplained(&self) -> Option<&Reach> {
        let part = self.parts.iter().find(|part| part.audit_id.is_none());
        part.map(|part| &part.reach)
    }
}

impl Traced {
    /// Whether the file and the log say the same, as far as the log is understood.
    pub fn is_explained(&self) -> bool {
        self.gone.is_empty() && self.routes.iter().all(|route| route.unexplained().is_none())
    }
}

/// Compares the routes file `text` with the entries of its bottle, in the order of their ids.
///
/// ```
/// use supervise_core::{Audited, render_diff, trace_routes};
/// let text = "routes:\n  - host: a.example\n  - host: b.example\n";
/// let diff = render_diff("routes:\n  - host: a.example\n", text, "routes.yaml");
/// let entry = Audited { id: 7, action: "approved", diff: &diff };
/// let traced = trace_routes(text, &[entry])?;
/// assert_eq!(traced.routes[0].parts[0].audit_id, None);
/// assert_eq!(traced.routes[1].parts[0].audit_id, Some(7));
/// # Ok::<(), supervise_core::RoutesError>(())
/// ```
pub fn trace_routes(text: &str, entries: &[Audited<'_>]) -> Result<Traced, RoutesError> {
    let live = Routes::parse(text)?;
    let mut told: Vec<_> = entries.iter().filter_map(Told::of).collect();
    place(text, &mut told);
    let named = named_hosts(&told);
    let mut granted = Granted::default();
    let mut not_understood = Vec::new();
    for told in &told {
        let why = told.grant(&mut granted, &named).err();
        not_understood.extend(why.map(|why| NotUnderstood {
            audit_id: told.id,
            why,
        }));
    }
    let gone = granted.gone(|host| live.find(host));
    let routes = live.entries().iter().map(|entry| TracedRoute {
        parts: granted.parts(entry),
        entry: entry.clone(),
    });
    Ok(Traced {
        routes: routes.collect(),
        gone,
        not_understood,
    })
}

/// What an entry says it did.
struct Told {
    id: i64,
    what: What,
}

enum What {
    Change(Vec<PlacedHunk>),
    Payload(Route),
    Unreadable(&'static str),
}

/// A hunk, and the lines that stood above it, where they are needed and its place is known.
struct PlacedHunk {
    hunk: Hunk,
    above: Option<Vec<String>>,
}

impl Told {
    /// What the entry says; `None` when it changed nothing.
    fn of(entry: &Audited<'_>) -> Option<Told> {
        let changes = [
            Status::Approved.name(),
            Status::Modified.name(),
            ACTION_OPERATOR_EDIT,
        ];
        if !changes.contains(&entry.action) {
            return None;
        }
        let what = match unified::hunks(entry.diff) {
            Ok(hunks) if hunks.is_empty() => return None,
            Ok(hunks) => payload(&hunks).map_or_else(|| What::change(hunks), What::Payload),
            Err(Malformed) => What::Unreadable("its diff is none that can be read"),
        };
        Some(Told { id: entry.id, what })
    }

    /// Grants what can be told for certain; says what couldn't.
    fn grant(&self, granted: &mut Granted, named: &HashSet<String>) -> Result<(), &'static str> {
        let hunks = match &self.what {
            What::Payload(route) => {
                granted.allow(self.id, route);
                return Ok(());
            }
            What::Unreadable(why) => return Err(why),
            What::Change(hunks) => hunks,
        };
        let told: Vec<_> = hunks.iter().map(|hunk| hunk.deltas(named)).collect();
        let is_unclear = told.iter().any(Option::is_none);
        for delta in fragment::united(told.into_iter().flatten().flatten().collect()) {
            granted.change(self.id, &delta);
        }
        match is_unclear {
            true => Err("its diff doesn't show for certain which route it changed, or how"),
            false => Ok(()),
        }
    }
}

impl What {
    fn change(hunks: Vec<Hunk>) -> What {
        let unplaced = |hunk| PlacedHunk { hunk, above: None };
        What::Change(hunks.into_iter().map(unplaced).collect())
    }
}

impl PlacedHunk {
    /// What it changed; `None` where that isn't certain.
    fn deltas(&self, named: &HashSet<String>) -> Option<Vec<Delta>> {
        fragment::deltas(&[], &self.hunk).or_else(|| {
            let deltas = fragment::deltas(self.above.as_ref()?, &self.hunk)?;
            // The lines above are today's: somebody may have written another host there.
            let is_named = |delta: &Delta| named.contains(delta.host());
            deltas.iter().all(is_named).then_some(deltas)
        })
    }
}

/// The route that was approved with no file to write it into: the diff has the whole payload, from nothing.
fn payload(hunks: &[Hunk]) -> Option<Route> {
    let [hunk] = hunks else { return None };
    let is_from_nothing = hunk.before().is_empty();
    is_from_nothing
        .then(|| Route::by_hand(&hunk.after().join("\n")).ok())
        .flatten()
}

/// Takes the diffs back from the file, the newest first, and keeps what stands above hunks that need it.
fn place(text: &str, told: &mut [Told]) {
    let mut lines = Lines::of(text);
    for told in told.iter_mut().rev() {
        let What::Change(hunks) = &mut told.what else {
            continue;
        };
        for placed in hunks.iter_mut().rev() {
            let above = lines.take_back(&placed.hunk);
            if fragment::deltas(&[], &placed.hunk).is_none() {
                placed.above = above.map(<[String]>::to_vec);
            }
        }
    }
}

/// The hosts that the entries' own lines name.
fn named_hosts(told: &[Told]) -> HashSet<String> {
    let mut named = HashSet::new();
    for told in told {
        match &told.what {
            What::Change(hunks) => {
                named.extend(hunks.iter().flat_map(|placed| fragment::hosts(&placed.hunk)))
            }
            What::Payload(route) => {
                named.insert(route.host().to_owned());
            }
            What::Unreadable(_) => {}
        }
    }
    named
}
