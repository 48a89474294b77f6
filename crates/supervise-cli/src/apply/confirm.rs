//! The live check: after a reload the proxy's own list must have the routes, before anybody is told so.
//!
//! Only a well-formed list that lacks them is a failure. What can't be understood proves nothing either way,
//! and is a warning.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use supervise_core::{Route, RouteChange, RouteEntry, SafeLine};

use super::introspect::{Introspection, Unanswered};
use crate::session::Session;
use crate::ui::line;

/// A reload is only a signal to most proxies, so the list may lag behind its command for so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// A proxy that starts again on a reload answers nothing for a moment.
const AWAY: Duration = Duration::from_secs(2);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What to ask, and what the answer must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveCheck {
    introspection: Introspection,
    expected: Vec<Expected>,
    /// What should be gone. A proxy may have routes of its own, so it is no failure when it isn't.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    closed: Vec<Expected>,
}

/// A route that must be in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expected {
    pub(crate) host: String,
    /// None means every path.
    pub(crate) paths: Vec<String>,
}

impl Expected {
    /// The route that was decided to be let through.
    pub(super) fn asked(payload: &str) -> Vec<Expected> {
        let route = Route::by_hand(payload).ok();
        let expected = |route: Route| Expected {
            host: route.host().to_owned(),
            paths: route.path_allowlist().to_vec(),
        };
        route.into_iter().map(expected).collect()
    }
}

impl LiveCheck {
    pub(crate) fn new(introspection: Introspection, expected: Vec<Expected>) -> LiveCheck {
        LiveCheck {
            introspection,
            expected,
            closed: Vec::new(),
        }
    }

    /// What an operator's edit opens and closes.
    pub(super) fn of_edit(introspection: Introspection, changes: &[RouteChange<'_>]) -> LiveCheck {
        LiveCheck {
            introspection,
            expected: named(changes, RouteChange::opens),
            closed: named(changes, RouteChange::closes),
        }
    }

    /// Asks until the list has the routes, for a short while. An error says what it lacks.
    pub(crate) async fn confirm(&self, session: &Session<'_>) -> Result<(), String> {
        let seen = tokio::select! {
            seen = self.look() => seen,
            () = session.stops().reach(1) => return Err("the look at the proxy was interrupted".to_owned()),
        };
        match seen {
            Seen::There => Ok(()),
            Seen::Lacks(what) => Err(format!(
                "the proxy's own list at {} lacks {what}",
                self.introspection.url
            )),
            Seen::Unclear(why) => {
                let what = line!["whether the proxy has taken it up can't be confirmed: "];
                session.ui.warn(what.and(SafeLine::new(&why)));
                Ok(())
            }
        }
    }

    async fn look(&self) -> Seen {
        let began = Instant::now();
        let mut lacked = None;
        loop {
            let (seen, patience) = match self.introspection.ask().await {
                Ok(body) => self.judge(&body),
                Err(why) => (self.unclear(&why), away(&why)),
            };
            match seen {
                Seen::There => return seen,
                Seen::Lacks(_) => lacked = Some(seen),
                // Once a list has been seen, a hiccup doesn't take its word away.
                Seen::Unclear(_) if lacked.is_some() => {}
                Seen::Unclear(_) if began.elapsed() >= patience => return seen,
                Seen::Unclear(_) => {}
            }
            if let Some(lacked) = lacked.take_if(|_| began.elapsed() >= PATIENCE) {
                return lacked;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    fn unclear(&self, why: &dyn std::fmt::Display) -> Seen {
        Seen::Unclear(format!("{}: {why}", self.introspection.url))
    }

    fn judge(&self, body: &[u8]) -> (Seen, Duration) {
        let Some(listed) = List::read(body) else {
            let seen = self.unclear(&"its answer is no list of routes");
            return (seen, Duration::ZERO);
        };
        let lacking = self
            .expected
            .iter()
            .find_map(|expected| expected.lacking(&listed));
        let is_there = |closed: &&Expected| closed.lacking(&listed).is_none();
        let seen = match (lacking, self.closed.iter().find(is_there)) {
            (Some(lacking), _) => Seen::Lacks(lacking),
            (None, Some(closed)) => self.unclear(&format_args!("{} is still on its list", closed.host)),
            (None, None) => Seen::There,
        };
        (seen, PATIENCE)
    }
}

/// One side of each change, by its host.
fn named<'r>(
    changes: &[RouteChange<'r>],
    side: fn(&RouteChange<'r>) -> Option<Vec<String>>,
) -> Vec<Expected> {
    let expected = |change: &RouteChange<'r>| {
        let host = change.host().to_owned();
        side(change).map(|paths| Expected { host, paths })
    };
    changes.iter().filter_map(expected).collect()
}

/// How long it may go on without an answer.
fn away(why: &Unanswered) -> Duration {
    match why {
        Unanswered::Connect(_) | Unanswered::Http(_) => AWAY,
        _ => Duration::ZERO,
    }
}

/// What the proxy says.
enum Seen {
    There,
    /// A good answer without this.
    Lacks(String),
    /// Nothing that could be judged by.
    Unclear(String),
}

/// A proxy's answer: an array, or an object with the array as `routes`.
#[derive(Deserialize)]
#[serde(untagged)]
enum List {
    Array(Vec<Listed>),
    Object { routes: Vec<Listed> },
}

#[derive(Deserialize)]
struct Listed {
    host: String,
    path_allowlist: Option<Vec<String>>,
}

impl List {
    /// An empty list of paths may mean none or all of them: such an answer says nothing.
    fn read(body: &[u8]) -> Option<Vec<RouteEntry>> {
        let (List::Array(listed) | List::Object { routes: listed }) = serde_json::from_slice(body).ok()?;
        let entry = |listed: Listed| match listed.path_allowlist {
            Some(paths) if paths.is_empty() => None,
            paths => Some(RouteEntry::new(&listed.host, paths.unwrap_or_default())),
        };
        listed.into_iter().map(entry).collect()
    }
}

impl Expected {
    /// What of this isn't in the list, in words.
    fn lacking(&self, listed: &[RouteEntry]) -> Option<String> {
        let own = || listed.iter().filter(|entry| entry.is_for(&self.host));
        if own().next().is_none() {
            return Some(self.host.clone());
        }
        if self.paths.is_empty() {
            // Every path begins with a slash, so a proxy may well say it that way.
            let open = own().any(|entry| entry.allows("/"));
            return (!open).then(|| format!("every path of {}", self.host));
        }
        let missing = self
            .paths
            .iter()
            .find(|path| !own().any(|entry| entry.allows(path)));
        missing.map(|path| format!("{}{path}", self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(host: &str, paths: &[&str], body: &str) -> &'static str {
        let expected = Expected {
            host: host.to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let introspection = Introspection {
            url: "http://a/".to_owned(),
            proxy: None,
        };
        match LiveCheck::new(introspection, vec![expected])
            .judge(body.as_bytes())
            .0
        {
            Seen::There => "there",
            Seen::Lacks(_) => "lacks",
            Seen::Unclear(_) => "unclear",
        }
    }

    #[test]
    fn an_answer_has_the_route_lacks_it_or_says_nothing() {
        let table = [
            (r#"[{"host":"a.example"}]"#, "there", "there"),
            (
                r#"{"routes":[{"host":"A.example.","path_allowlist":null}],"x":1}"#,
                "there",
                "there",
            ),
            (
                r#"[{"host":"a.example","path_allowlist":["/v1/"],"auth":true}]"#,
                "there",
                "lacks",
            ),
            (
                r#"[{"host":"a.example","path_allowlist":["/"]}]"#,
                "there",
                "there",
            ),
            (
                r#"[{"host":"a.example","path_allowlist":["/v2/"]}]"#,
                "lacks",
                "lacks",
            ),
            (r#"[{"host":"b.example"}]"#, "lacks", "lacks"),
            (
                r#"[{"host":"a.example","path_allowlist":["/v2/"]},{"host":"a.example","path_allowlist":["/v1/"]}]"#,
                "there",
                "lacks",
            ),
            ("[]", "lacks", "lacks"),
            (r#"{"routes":[]}"#, "lacks", "lacks"),
            (
                r#"[{"host":"a.example","path_allowlist":[]}]"#,
                "unclear",
                "unclear",
            ),
            (r#"["a.example"]"#, "unclear", "unclear"),
            (r#"{"hosts":[]}"#, "unclear", "unclear"),
            ("null", "unclear", "unclear"),
            ("<html>", "unclear", "unclear"),
            ("", "unclear", "unclear"),
        ];
        for (body, prefix, whole) in table {
            assert_eq!(judged("a.example", &["/v1/x"], body), prefix, "{body}");
            assert_eq!(judged("a.example", &[], body), whole, "{body}");
        }
    }
}
