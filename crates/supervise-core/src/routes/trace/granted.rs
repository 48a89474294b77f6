//! What the audit log lets through, and since which entry.

use std::collections::BTreeMap;

use super::super::entry::{RouteAuth, RouteEntry};
use super::fragment::Delta;
use super::{Gone, Part, Reach};
use crate::route::Route;

/// Every host that an entry put in and none took out since.
#[derive(Debug, Default)]
pub(super) struct Granted {
    hosts: BTreeMap<String, Grant>,
}

/// What entries, by their ids, let through to one host.
#[derive(Debug, Default)]
struct Grant {
    every_path: Option<i64>,
    prefixes: Vec<(String, i64)>,
    auth: Option<(RouteAuth, i64)>,
}

impl Granted {
    /// What an entry did to the file.
    pub(super) fn change(&mut self, id: i64, delta: &Delta) {
        match (&delta.before, &delta.after) {
            (_, None) => {
                self.hosts.remove(delta.host());
            }
            // What was granted before isn't there any more, and this was decided with that in view.
            (None, Some(after)) => {
                self.hosts.insert(after.host.clone(), Grant::whole(id, after));
            }
            (Some(before), Some(after)) => {
                let grant = self.hosts.entry(after.host.clone()).or_default();
                grant.change(id, before, after);
            }
        }
    }

    /// What an entry allows that was made with no file to write it into.
    pub(super) fn allow(&mut self, id: i64, route: &Route) {
        let auth = route.auth().map(|auth| RouteAuth {
            scheme: super::super::shape::scheme_word(auth.scheme).to_owned(),
            token_ref: auth.token_ref.clone(),
        });
        let asked = RouteEntry {
            auth,
            ..RouteEntry::new(route.host(), route.path_allowlist().to_vec())
        };
        match self.hosts.get_mut(route.host()) {
            None => {
                self.hosts
                    .insert(route.host().to_owned(), Grant::whole(id, &asked));
            }
            Some(grant) => grant.widen(id, &asked),
        }
    }

    /// A live route, by where each part of it came from.
    pub(super) fn parts(&self, live: &RouteEntry) -> Vec<Part> {
        let nothing = Grant::default();
        let grant = self.hosts.get(&live.host).unwrap_or(&nothing);
        let mut parts = Vec::new();
        if live.is_open() {
            part(&mut parts, grant.every_path).every_path = true;
        }
        for path in &live.path_allowlist {
            part(&mut parts, grant.source_of(path))
                .path_allowlist
                .push(path.clone());
        }
        if let Some(auth) = &live.auth {
            let granted = grant.auth.as_ref().filter(|granted| granted.0 == *auth);
            part(&mut parts, granted.map(|granted| granted.1)).auth = Some(auth.clone());
        }
        parts
    }

    /// What was let through and isn't any more; `find` finds a live route.
    pub(super) fn gone<'r>(&self, find: impl Fn(&str) -> Option<&'r RouteEntry>) -> Vec<Gone> {
        let missing = |(host, grant): (&String, &Grant)| grant.gone(host, find(host));
        self.hosts.iter().flat_map(missing).collect()
    }
}

impl Grant {
    fn whole(id: i64, entry: &RouteEntry) -> Grant {
        Grant {
            every_path: entry.is_open().then_some(id),
            prefixes: entry
                .path_allowlist
                .iter()
                .map(|path| (path.clone(), id))
                .collect(),
            auth: entry.auth.clone().map(|auth| (auth, id)),
        }
    }

    fn change(&mut self, id: i64, before: &RouteEntry, after: &RouteEntry) {
        if before.auth != after.auth {
            self.auth = after.auth.clone().map(|auth| (auth, id));
        }
        match (before.is_open(), after.is_open()) {
            (true, true) => {}
            (false, true) => {
                self.every_path = Some(id);
                self.prefixes.clear();
            }
            (true, false) => {
                self.every_path = None;
                self.prefixes = after
                    .path_allowlist
                    .iter()
                    .map(|path| (path.clone(), id))
                    .collect();
            }
            (false, false) => {
                let is_new = |path: &&String| !before.path_allowlist.contains(path);
                let new = after.path_allowlist.iter().filter(is_new);
                let is_taken = |path: &String| {
                    before.path_allowlist.contains(path) && !after.path_allowlist.contains(path)
                };
                self.prefixes.retain(|(path, _)| !is_taken(path));
                self.prefixes.extend(new.map(|path| (path.clone(), id)));
            }
        }
    }

    fn widen(&mut self, id: i64, asked: &RouteEntry) {
        if asked.is_open() {
            self.every_path.get_or_insert(id);
        }
        for path in &asked.path_allowlist {
            if self.source_of(path).is_none() {
                self.prefixes.push((path.clone(), id));
            }
        }
    }

    /// The entry that lets `prefix` through: the one that names it, or one that names more.
    fn source_of(&self, prefix: &str) -> Option<i64> {
        let named = self.prefixes.iter().rev().find(|(own, _)| own == prefix);
        let covers = |own: &str| own.ends_with('/') && prefix.starts_with(own);
        let wider = || self.prefixes.iter().find(|(own, _)| covers(own));
        named.or_else(wider).map(|(_, id)| *id).or(self.every_path)
    }

    fn gone(&self, host: &str, live: Option<&RouteEntry>) -> Vec<Gone> {
        let mut parts = Vec::new();
        let is_open = live.is_some_and(RouteEntry::is_open);
        if let (Some(id), false) = (self.every_path, is_open) {
            part(&mut parts, Some(id)).every_path = true;
        }
        for (path, id) in &self.prefixes {
            if !live.is_some_and(|live| live.allows(path)) {
                part(&mut parts, Some(*id)).path_allowlist.push(path.clone());
            }
        }
        if let Some((auth, id)) = &self.auth
            && live.is_none_or(|live| live.auth.as_ref() != Some(auth))
        {
            part(&mut parts, Some(*id)).auth = Some(auth.clone());
        }
        let gone = |part: Part| {
            Some(Gone {
                host: host.to_owned(),
                route_left: live.is_some(),
                audit_id: part.audit_id?,
                reach: part.reach,
            })
        };
        parts.into_iter().filter_map(gone).collect()
    }
}

/// The part that came from `audit_id`.
fn part(parts: &mut Vec<Part>, audit_id: Option<i64>) -> &mut Reach {
    let at = parts.iter().position(|part| part.audit_id == audit_id);
    let at = at.unwrap_or_else(|| {
        parts.push(Part {
            audit_id,
            reach: Reach::default(),
        });
        parts.len() - 1
    });
    &mut parts[at].reach
}
