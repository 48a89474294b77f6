//! What an operator may write into a routes file by hand: more than an agent may ask for, but nothing that
//! can't be meant.

use super::entry::{RouteEntry, Routes};
use super::error::{RoutesError, RoutesProblem};
use crate::route::check_token_ref;

impl Routes {
    /// Checks the routes that differ from those in `before`: a host that is a host, prefixes that begin with
    /// `/`, a credential that is named and not given. What stands there already was let in before.
    pub fn check_edit(&self, before: &Routes) -> Result<(), RoutesError> {
        let is_new = |entry: &&RouteEntry| {
            before
                .find(&entry.host)
                .is_none_or(|old| old.path_allowlist != entry.path_allowlist || old.auth != entry.auth)
        };
        let mut edited = self.entries().iter().filter(is_new);
        edited.try_for_each(|entry| check(entry).map_err(|problem| problem.at(entry.line)))
    }
}

fn check(entry: &RouteEntry) -> Result<(), RoutesProblem> {
    if !is_host(&entry.host) {
        return Err(RoutesProblem::Host);
    }
    if !entry.path_allowlist.iter().all(|path| is_path(path)) {
        return Err(RoutesProblem::Path);
    }
    match &entry.auth {
        Some(auth) if check_token_ref(&auth.token_ref).is_err() => Err(RoutesProblem::TokenRef),
        _ => Ok(()),
    }
}

pub(super) fn is_host(host: &str) -> bool {
    let not_in_a_host =
        |c: char| !c.is_ascii_graphic() && c.is_ascii() || c.is_control() || "/@?#\\".contains(c);
    !host.is_empty() && !host.contains(not_in_a_host)
}

pub(super) fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic())
}
