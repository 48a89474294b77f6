//! Whatever a person wrote and an agent asked: nothing is lost, and nothing is open that wasn't asked for.

use proptest::prelude::*;
use supervise_core::{Auth, AuthScheme, Merged, Route, RouteEntry, Routes, merge};

const PATHS: [&str; 8] = ["/", "/a", "/a/", "/a/b", "/a/b/", "/b", "/c:d,{e}", "/it's"];

/// One entry as somebody might write it, without its host.
#[derive(Debug, Clone)]
struct Written {
    flow: bool,
    quote: &'static str,
    paths: Vec<usize>,
    paths_in_flow: bool,
    paths_first: bool,
    auth: bool,
    note: bool,
    comments: bool,
}

prop_compose! {
    fn written()(
        (flow, paths_in_flow, paths_first) in any::<(bool, bool, bool)>(),
        quote in prop::sample::select(vec!["\"", "'"]),
        paths in prop::collection::vec(0..PATHS.len(), 0..4),
        (auth, note, comments) in any::<(bool, bool, bool)>(),
    ) -> Written {
        Written { flow, quote, paths, paths_in_flow, paths_first, auth, note, comments }
    }
}

impl Written {
    fn quoted(&self, text: &str) -> String {
        let text = if self.quote == "'" {
            text.replace('\'', "''")
        } else {
            text.to_owned()
        };
        format!("{0}{text}{0}", self.quote)
    }

    fn remark(&self, text: &str) -> String {
        if self.comments {
            format!(" # {text}")
        } else {
            String::new()
        }
    }

    /// The entry's members, each in block or flow style.
    fn members(&self, host: &str) -> Vec<String> {
        let mut members = vec![format!("host: {host}")];
        let paths: Vec<String> = self.paths.iter().map(|at| self.quoted(PATHS[*at])).collect();
        if !paths.is_empty() {
            let list = if self.flow || self.paths_in_flow {
                format!("path_allowlist: [{}]", paths.join(", "))
            } else {
                let items: Vec<String> = paths.iter().map(|path| format!("\n    - {path}")).collect();
                format!(
                    "path_allowlist:{}{}",
                    self.remark("only"),
                    items.join(&self.remark("this"))
                )
            };
            members.insert(usize::from(!self.paths_first), list);
        }
        members.extend(
            self.auth
                .then(|| "auth: {scheme: Basic, token_ref: OWN}".to_owned()),
        );
        members.extend(self.note.then(|| "note: [1, {deep: yes}]".to_owned()));
        members
    }

    fn text(&self, host: &str) -> String {
        let members = self.members(host);
        if self.flow {
            return format!("- {{{}}}{}\n", members.join(", "), self.remark("flow"));
        }
        let members: Vec<String> = members
            .iter()
            .map(|m| m.clone() + &self.remark("member"))
            .collect();
        let own_line = if self.comments { "  # about it\n\n" } else { "" };
        format!("- {}\n{own_line}", members.join("\n  "))
    }
}

fn file() -> impl Strategy<Value = String> {
    let entries = prop::collection::vec(written(), 0..5);
    (entries, any::<(bool, bool, bool, bool)>()).prop_map(|(entries, (crlf, end, before, after))| {
        let mut text = String::from(if before { "# top\nversion: 1\n" } else { "" }) + "routes: # r\n";
        for (at, entry) in entries.iter().enumerate() {
            text += &entry.text(&format!("h{at}.example"));
        }
        text += if after {
            "other: |\n  text # no comment\n"
        } else {
            "# end\n"
        };
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        if end || after {
            text
        } else {
            text.trim_end().to_owned()
        }
    })
}

fn asked() -> impl Strategy<Value = Route> {
    let paths = prop::collection::vec(prop::sample::select(PATHS.to_vec()), 0..4);
    (0..7, paths, any::<bool>()).prop_map(|(host, paths, auth)| {
        let auth = auth.then(|| Auth {
            scheme: AuthScheme::Token,
            token_ref: "ASKED".into(),
        });
        let paths = paths.into_iter().map(str::to_owned).collect();
        Route::new(&format!("h{host}.example"), paths, auth).unwrap()
    })
}

/// Whether a proxy would let a request for `path` through.
fn lets_through(paths: &[String], path: &str) -> bool {
    paths.is_empty() || paths.iter().any(|prefix| path.starts_with(prefix.as_str()))
}

fn probes() -> Vec<String> {
    let tails = ["", "x", "/", "/x", "b/", "b/x"];
    PATHS
        .iter()
        .flat_map(|path| tails.map(|tail| format!("{path}{tail}")))
        .collect()
}

fn comments(text: &str) -> usize {
    text.matches('#').count()
}

/// The route of the asked host opens what it opened and what was asked, and nothing else.
fn check_widening(
    before: Option<&RouteEntry>,
    after: &RouteEntry,
    asked: &Route,
) -> Result<(), TestCaseError> {
    for path in probes() {
        let was = before.is_some_and(|entry| lets_through(&entry.path_allowlist, &path));
        let wanted = was || lets_through(asked.path_allowlist(), &path);
        prop_assert_eq!(lets_through(&after.path_allowlist, &path), wanted, "{}", path);
    }
    let auth = match before {
        Some(entry) => entry.auth.as_ref().map(|auth| auth.token_ref.as_str()),
        None => asked.auth().map(|auth| auth.token_ref.as_str()),
    };
    prop_assert_eq!(after.auth.as_ref().map(|auth| auth.token_ref.as_str()), auth);
    Ok(())
}

fn check_merge(text: &str, asked: &Route) -> Result<String, TestCaseError> {
    let before = Routes::parse(text).unwrap();
    let after_text = match merge(text, asked).unwrap() {
        Merged::AlreadyAllowed => text.to_owned(),
        Merged::Changed { text, .. } => text,
    };
    let after = Routes::parse(&after_text).unwrap();
    prop_assert_eq!(merge(&after_text, asked), Ok(Merged::AlreadyAllowed));
    prop_assert!(after.entries().len() - before.entries().len() <= 1);
    for (old, new) in before.entries().iter().zip(after.entries()) {
        prop_assert_eq!(&old.written_host, &new.written_host);
        if old.host != asked.host() {
            prop_assert_eq!((&old.path_allowlist, &old.auth), (&new.path_allowlist, &new.auth));
        }
    }
    check_widening(
        before.find(asked.host()),
        after.find(asked.host()).unwrap(),
        asked,
    )?;
    Ok(after_text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn nothing_is_lost_and_only_what_was_asked_is_opened(text in file(), asked in asked()) {
        let after = check_merge(&text, &asked)?;
        prop_assert_eq!(comments(&after), comments(&text));
        prop_assert_eq!(after.matches("deep: yes").count(), text.matches("deep: yes").count());
        prop_assert_eq!(after.ends_with('\n'), text.ends_with('\n'));
        let mixed = after.contains("\r\n") && after.replace("\r\n", "").contains('\n');
        prop_assert!(!mixed, "{after:?}");
    }

    #[test]
    fn entries_of_other_hosts_stay_byte_for_byte(text in file(), asked in asked()) {
        let after = check_merge(&text, &asked)?;
        if let Some(host) = text.find(asked.host()) {
            let start = text[..host].rfind("\n- ").unwrap();
            let end = text[host..].find("\n- ").map_or(text.len(), |next| host + next);
            prop_assert!(after.starts_with(&text[..start]) && after.ends_with(&text[end..]), "{after}");
        }
    }

    #[test]
    fn a_file_written_route_by_route_reads_back(asked in prop::collection::vec(asked(), 1..6)) {
        let mut text = String::new();
        let mut seen = Vec::new();
        for route in &asked {
            text = check_merge(&text, route)?;
            if !seen.contains(&route.host()) {
                seen.push(route.host());
            }
        }
        let routes = Routes::parse(&text).unwrap();
        let hosts: Vec<&str> = routes.entries().iter().map(|entry| entry.host.as_str()).collect();
        prop_assert_eq!(hosts, seen);
    }

    #[test]
    fn no_text_at_all_makes_it_panic_or_widen(
        text in "(routes:( |\n)?)?([-\\[\\]{}:,#&*!|>'\"~ \n\t]|host: |a.example|path_allowlist: |/x|- ){0,40}",
        paths in prop::sample::select(vec![vec![], vec!["/y".to_owned()]]),
    ) {
        let asked = Route::new("a.example", paths, None).unwrap();
        if let Ok(Merged::Changed { .. }) = merge(&text, &asked) {
            check_merge(&text, &asked)?;
        }
    }
}
