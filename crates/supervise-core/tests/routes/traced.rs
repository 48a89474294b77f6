//! Where routes came from, after histories of approvals, edits, and changes that no entry tells of.

use supervise_core::{Audited, Merged, Reach, Route, Traced, merge, render_diff, trace_routes};

use crate::{route, route_with_auth};

/// A routes file and the audit log beside it.
#[derive(Default)]
struct History {
    text: String,
    entries: Vec<(String, String)>,
}

impl History {
    fn new(text: &str) -> History {
        History {
            text: text.to_owned(),
            ..History::default()
        }
    }

    fn approved(mut self, route: &Route) -> Self {
        let after = match merge(&self.text, route).unwrap() {
            Merged::Changed { text, .. } => text,
            Merged::AlreadyAllowed => self.text.clone(),
        };
        self.to("approved", after);
        self
    }

    fn edited(mut self, text: &str) -> Self {
        self.to("operator-edit", text.to_owned());
        self
    }

    fn to(&mut self, action: &str, after: String) {
        self.entry(action, render_diff(&self.text, &after, "routes.yaml"));
        self.text = after;
    }

    fn entry(&mut self, action: &str, diff: String) {
        self.entries.push((action.to_owned(), diff));
    }

    fn with_entry(mut self, action: &str, diff: &str) -> Self {
        self.entry(action, diff.to_owned());
        self
    }

    /// Approved while no file was configured.
    fn granted(self, route: &Route) -> Self {
        let diff = render_diff("", &route.to_payload(), "routes.yaml");
        self.with_entry("approved", &diff)
    }

    fn by_hand(mut self, from: &str, to: &str) -> Self {
        assert!(self.text.contains(from), "{from:?} is not in {}", self.text);
        self.text = self.text.replacen(from, to, 1);
        self
    }

    fn traced(&self) -> Traced {
        let audited = |(at, (action, diff)): (usize, &'_ (String, String))| {
            (at as i64 + 1, action.clone(), diff.clone())
        };
        let owned: Vec<_> = self.entries.iter().enumerate().map(audited).collect();
        let entries: Vec<_> = owned
            .iter()
            .map(|(id, action, diff)| Audited {
                id: *id,
                action,
                diff,
            })
            .collect();
        trace_routes(&self.text, &entries).unwrap()
    }

    /// `host #1 /v1/; ?: /v2/` for each route, `gone`, `narrowed` and `unclear` behind them.
    #[track_caller]
    fn is(&self, expected: &[&str]) {
        let traced = self.traced();
        let mut told: Vec<String> = traced
            .routes
            .iter()
            .map(|route| {
                let part = |part: &supervise_core::Part| {
                    let source = part.audit_id.map_or("?".into(), |id| format!("#{id}"));
                    format!(" {source}{}", reach(&part.reach))
                };
                format!(
                    "{}{}",
                    route.entry.host,
                    route.parts.iter().map(part).collect::<String>()
                )
            })
            .collect();
        told.extend(traced.gone.iter().map(|gone| {
            let how = if gone.route_left { "narrowed" } else { "gone" };
            format!("{how} {} #{}{}", gone.host, gone.audit_id, reach(&gone.reach))
        }));
        told.extend(
            traced
                .not_understood
                .iter()
                .map(|entry| format!("unclear #{}", entry.audit_id)),
        );
        assert_eq!(told, expected, "{}\n{:#?}", self.text, self.entries);
        let is_explained = !expected
            .iter()
            .any(|line| line.contains(" ?") || line.starts_with("gone") || line.starts_with("narrowed"));
        assert_eq!(traced.is_explained(), is_explained);
        let windows = self.with_carriage_returns();
        if !self.text.contains('\r') {
            assert_eq!(windows.traced().gone, traced.gone, "with CRLF");
            assert_eq!(windows.traced().routes, traced.routes, "with CRLF");
            assert_eq!(
                windows.traced().not_understood,
                traced.not_understood,
                "with CRLF"
            );
        }
    }

    /// The same in a file whose lines end otherwise than the entries'.
    fn with_carriage_returns(&self) -> History {
        History {
            text: self.text.replace('\n', "\r\n"),
            entries: self.entries.clone(),
        }
    }
}

fn reach(reach: &Reach) -> String {
    let every = if reach.every_path { " all" } else { "" };
    let paths: String = reach
        .path_allowlist
        .iter()
        .map(|path| format!(" {path}"))
        .collect();
    let auth = reach
        .auth
        .as_ref()
        .map_or(String::new(), |auth| format!(" ${}", auth.token_ref));
    format!("{every}{paths}{auth}")
}

const LONG: &str = "routes:
  - host: base.io
    path_allowlist:
      - /a/
      - /b/
      - /c/
      - /d/
";

#[test]
fn what_entries_put_in_is_theirs() {
    History::new("").is(&[]);
    History::default()
        .approved(&route_with_auth("a.io", &["/v1/"]))
        .approved(&route("b.io", &[]))
        .is(&["a.io #1 /v1/ $API_TOKEN", "b.io #2 all"]);
    History::default()
        .approved(&route("a.io", &["/v1/"]))
        .approved(&route("a.io", &["/v2/", "/v1/x"]))
        .approved(&route("a.io", &["/v1/y"]))
        .is(&["a.io #1 /v1/ #2 /v2/ /v1/x"]);
    History::default()
        .approved(&route("a.io", &["/v1/"]))
        .approved(&route("a.io", &[]))
        .is(&["a.io #2 all"]);
}

#[test]
fn what_was_there_before_or_came_by_hand_is_nobodys() {
    History::new("routes:\n  - host: old.io\n").is(&["old.io ? all"]);
    let old = History::new("# mine\nroutes:\n  - host: old.io\n    path_allowlist: [/x]\n");
    old.approved(&route("old.io", &["/y"]))
        .approved(&route("a.io", &[]))
        .is(&["old.io ? /x #1 /y", "a.io #2 all"]);
    let two = || {
        History::default()
            .approved(&route("a.io", &["/v1/"]))
            .approved(&route("b.io", &["/v1/"]))
    };
    two().by_hand("routes:\n", "routes:\n  - host: evil.io\n").is(&[
        "evil.io ? all",
        "a.io #1 /v1/",
        "b.io #2 /v1/",
    ]);
    two()
        .by_hand("host: b.io", "host: evil.io")
        .is(&["a.io #1 /v1/", "evil.io ? /v1/", "gone b.io #2 /v1/"]);
    // Behind the last line of the entry's own, which is where a diff taken back would leave it.
    let more = two();
    let text = format!("{}      - /evil\n", more.text);
    History { text, ..more }.is(&["a.io #1 /v1/", "b.io #2 /v1/ ? /evil"]);
    two()
        .by_hand("    path_allowlist:\n      - /v1/\n", "")
        .is(&["a.io ? all", "b.io #2 /v1/"]);
    two()
        .by_hand(
            "    path_allowlist:\n      - /v1/\n",
            "    path_allowlist: [/v1/, /v2/]\n    auth: {scheme: x, token_ref: T}\n",
        )
        .is(&["a.io #1 /v1/ ? /v2/ $T", "b.io #2 /v1/"]);
}

#[test]
fn what_is_missing_is_named_with_its_entry() {
    let history = || {
        History::default()
            .approved(&route("a.io", &["/v1/", "/v2/"]))
            .approved(&route("b.io", &[]))
    };
    history()
        .by_hand("      - /v1/\n", "")
        .is(&["a.io #1 /v2/", "b.io #2 all", "narrowed a.io #1 /v1/"]);
    history()
        .by_hand("  - host: b.io\n", "")
        .is(&["a.io #1 /v1/ /v2/", "gone b.io #2 all"]);
    history()
        .by_hand("  - host: b.io\n", "  - host: b.io\n    path_allowlist: [/x]\n")
        .is(&["a.io #1 /v1/ /v2/", "b.io #2 /x", "narrowed b.io #2 all"]);
    let with_auth = History::default().approved(&route_with_auth("a.io", &[]));
    with_auth
        .by_hand("API_TOKEN", "OTHER")
        .is(&["a.io #1 all ? $OTHER", "narrowed a.io #1 $API_TOKEN"]);
}

#[test]
fn an_edit_explains_what_it_puts_in_and_takes_out() {
    let history = || {
        History::default()
            .approved(&route("a.io", &["/v1/"]))
            .approved(&route("b.io", &["/v1/"]))
    };
    let without_a = "routes:\n  - host: b.io\n    path_allowlist:\n      - /v1/\n";
    history().edited(without_a).is(&["b.io #2 /v1/"]);
    history().edited("routes: []\n").is(&[]);
    history()
        .edited(without_a)
        .approved(&route("a.io", &["/v1/"]))
        .is(&["b.io #2 /v1/", "a.io #4 /v1/"]);
    history()
        .edited("routes: []\n")
        .by_hand("[]", "[{host: a.io}]")
        .is(&["a.io ? all"]);
    let narrowed = "routes:\n  - host: a.io\n    path_allowlist:\n      - /v1/x\n";
    history().edited(narrowed).is(&["a.io #3 /v1/x"]);
    // Moved, with its comment, and nothing else.
    let moved = "routes:\n  - host: b.io\n    path_allowlist:\n      - /v1/\n  - host: a.io\n    path_allowlist:\n      - /v1/\n";
    history().edited(moved).is(&["b.io #2 /v1/", "a.io #1 /v1/"]);
    let opened = History::new("routes:\n  - host: a.io\n    path_allowlist: [/x]\n");
    opened
        .edited("routes:\n  - host: a.io\n")
        .edited("routes:\n  - host: a.io\n    path_allowlist: [/x]\n")
        .is(&["a.io #2 /x"]);
}

#[test]
fn taken_away_by_hand_and_approved_again() {
    History::default()
        .approved(&route("a.io", &["/v1/"]))
        .by_hand("  - host: a.io\n    path_allowlist:\n      - /v1/\n", "")
        .approved(&route("a.io", &["/v2/"]))
        .is(&["a.io #2 /v2/"]);
}

#[test]
fn only_what_took_effect_counts() {
    let diff = render_diff("", "routes:\n  - host: a.io\n", "routes.yaml");
    for action in ["apply-failed", "rejected", "noted"] {
        History::new("routes:\n  - host: a.io\n")
            .with_entry(action, &diff)
            .is(&["a.io ? all"]);
    }
    for action in ["approved", "modified", "operator-edit"] {
        History::new("routes:\n  - host: a.io\n")
            .with_entry(action, &diff)
            .is(&["a.io #1 all"]);
    }
    // Another tool of the same component, and an approval that had nothing to write.
    let token = render_diff("", "routes:\n  - host: a.io\n", "egress-token-allow");
    History::new("routes:\n  - host: a.io\n")
        .with_entry("approved", &token)
        .with_entry("approved", "")
        .is(&["a.io ? all"]);
}

#[test]
fn approvals_with_nothing_configured_are_grants() {
    let payload = History::default()
        .granted(&route("a.io", &["/v1/"]))
        .granted(&route("a.io", &["/v2/"]))
        .granted(&route_with_auth("b.io", &[]));
    payload.is(&[
        "gone a.io #1 /v1/",
        "gone a.io #2 /v2/",
        "gone b.io #3 all $API_TOKEN",
    ]);
    let text = "routes: [{host: a.io, path_allowlist: [/v1/x, /v2/, /v3/]}, {host: b.io}]\n".to_owned();
    History { text, ..payload }.is(&[
        "a.io #1 /v1/x #2 /v2/ ? /v3/",
        "b.io #3 all",
        "narrowed a.io #1 /v1/",
        "narrowed b.io #3 $API_TOKEN",
    ]);
    // Written by the other program, with a null member.
    let foreign = "--- routes.yaml (current)\n+++ routes.yaml (proposed)\n@@ -0,0 +1,4 @@\n+{\n+  \"host\": \"a.io\",\n+  \"auth\": null\n+}";
    History::new("routes: [{host: a.io}]\n")
        .with_entry("approved", foreign)
        .is(&["a.io #1 all"]);
}

#[test]
fn a_host_above_the_hunk_is_found_where_an_entry_names_it() {
    let long = || {
        History::new("routes:\n")
            .approved(&route("a.io", &["/a/", "/b/", "/c/", "/d/"]))
            .approved(&route("a.io", &["/e/"]))
    };
    long().is(&["a.io #1 /a/ /b/ /c/ /d/ #2 /e/"]);
    long()
        .by_hand("routes:\n", "# a\n\nroutes:\n  - host: x.io\n")
        .is(&["x.io ? all", "a.io #1 /a/ /b/ /c/ /d/ #2 /e/"]);
    // Its place is gone with the line, and so is what it may have meant.
    long()
        .approved(&route("a.io", &["/f/"]))
        .by_hand("      - /f/\n", "")
        .is(&["a.io #1 /a/ /b/ /c/ /d/ #2 /e/", "unclear #3"]);
}

#[test]
fn what_cant_be_told_for_certain_explains_nothing() {
    // No entry names the host, and it may have been renamed since.
    History::new(LONG)
        .approved(&route("base.io", &["/e/"]))
        .is(&["base.io ? /a/ /b/ /c/ /d/ /e/", "unclear #1"]);
    for diff in [
        "approved by phone",
        "--- routes.yaml (current)\n+++ routes.yaml (proposed)\n@@ -1 +1 @@\n-a",
    ] {
        History::new("routes: [{host: a.io}]\n")
            .with_entry("approved", diff)
            .is(&["a.io ? all", "unclear #1"]);
    }
    // A new host whose prefixes stand below the hunk is not one that is open.
    let before = "routes:\n  - host: a.io\n    x: 1\n    y: 2\n    z: 3\n    path_allowlist: [/v1/]\n";
    let history = History::new(before).edited(&before.replace("a.io", "b.io"));
    history.is(&["b.io ? /v1/", "unclear #1"]);
    history
        .by_hand("    path_allowlist: [/v1/]\n", "")
        .is(&["b.io ? all", "unclear #1"]);
}

#[test]
fn the_place_in_another_list_or_a_comment_is_no_route() {
    let text = "routes:\n  - host: a.io\n    path_allowlist: [/v1/]\n";
    let history = History::new(text).edited(&format!("{text}# - host: b.io\n"));
    history.is(&["a.io ? /v1/"]);
}
