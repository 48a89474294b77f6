//! What differs between two readings of a routes file, host by host.

use super::entry::{RouteEntry, Routes};

/// One host whose route differs: it came, went, or has another reach or credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteChange<'r> {
    /// Its route before; none for a new one.
    pub before: Option<&'r RouteEntry>,
    /// Its route afterwards; none for one that is gone.
    pub after: Option<&'r RouteEntry>,
}

impl Routes {
    /// The hosts whose routes differ in `after`, in its order, and behind them those that are gone.
    ///
    /// ```
    /// use supervise_core::Routes;
    /// let before = Routes::parse("routes: [{host: a.example, path_allowlist: [/v1/]}]")?;
    /// let after = Routes::parse("routes: [{host: a.example, path_allowlist: [/v1/x, /v2/]}]")?;
    /// let change = before.changes(&after).remove(0);
    /// assert_eq!(change.opens(), Some(vec!["/v2/".into()]));
    /// assert_eq!(change.closes(), Some(vec!["/v1/".into()]));
    /// # Ok::<(), supervise_core::RoutesError>(())
    /// ```
    pub fn changes<'r>(&'r self, after: &'r Routes) -> Vec<RouteChange<'r>> {
        let left = after.entries().iter().map(|entry| RouteChange {
            before: self.find(&entry.host),
            after: Some(entry),
        });
        let gone = self
            .entries()
            .iter()
            .filter(|entry| after.find(&entry.host).is_none());
        let gone = gone.map(|entry| RouteChange {
            before: Some(entry),
            after: None,
        });
        left.chain(gone).filter(RouteChange::is_any).collect()
    }
}

impl<'r> RouteChange<'r> {
    /// The host in its one spelling.
    pub fn host(&self) -> &'r str {
        self.after.or(self.before).map_or("", |entry| &entry.host)
    }

    /// The prefixes that are open afterwards and weren't before; an empty list means every path.
    pub fn opens(&self) -> Option<Vec<String>> {
        beyond(self.after, self.before)
    }

    /// The prefixes that were open before and aren't afterwards; an empty list means every path.
    pub fn closes(&self) -> Option<Vec<String>> {
        beyond(self.before, self.after)
    }

    /// Whether the route stays and sends another credential, or none any more, or one for the first time.
    pub fn swaps_credential(&self) -> bool {
        let both = self.before.zip(self.after);
        both.is_some_and(|(before, after)| before.auth != after.auth)
    }

    fn is_any(&self) -> bool {
        self.opens().is_some() || self.closes().is_some() || self.swaps_credential()
    }
}

/// What `one` lets through and `other` doesn't.
fn beyond(one: Option<&RouteEntry>, other: Option<&RouteEntry>) -> Option<Vec<String>> {
    let one = one?;
    if one.is_open() {
        let all = other.is_some_and(RouteEntry::is_open);
        return (!all).then(Vec::new);
    }
    let is_beyond = |path: &&String| other.is_none_or(|other| !other.allows(path));
    let paths: Vec<String> = one.path_allowlist.iter().filter(is_beyond).cloned().collect();
    (!paths.is_empty()).then_some(paths)
}
