//! What an operator's edit comes to, and what it may not say.

use supervise_core::{RouteChange, Routes};

fn parsed(text: &str) -> Routes {
    Routes::parse(&format!("routes: [{text}]")).unwrap()
}

/// `host +opened -closed *credential` for each change.
fn told(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (parsed(before), parsed(after));
    let list = |sign: char, paths: Option<Vec<String>>| match paths {
        None => String::new(),
        Some(paths) if paths.is_empty() => format!(" {sign}all"),
        Some(paths) => format!(" {sign}{}", paths.join(",")),
    };
    let tell = |change: &RouteChange<'_>| {
        let star = if change.swaps_credential() { " *" } else { "" };
        let (opens, closes) = (list('+', change.opens()), list('-', change.closes()));
        format!("{}{opens}{closes}{star}", change.host())
    };
    before.changes(&after).iter().map(tell).collect()
}

#[test]
fn changes_are_named_host_by_host() {
    let table: [(&str, &str, &[&str]); 13] = [
        ("", "", &[]),
        ("{host: a.io}", "{host: A.io., x: 1}", &[]),
        ("", "{host: a.io}", &["a.io +all"]),
        ("", "{host: a.io, path_allowlist: [/a, /b]}", &["a.io +/a,/b"]),
        ("{host: a.io}", "", &["a.io -all"]),
        ("{host: a.io, path_allowlist: [/a]}", "", &["a.io -/a"]),
        (
            "{host: a.io}",
            "{host: a.io, path_allowlist: [/a]}",
            &["a.io -all"],
        ),
        (
            "{host: a.io, path_allowlist: [/a]}",
            "{host: a.io}",
            &["a.io +all"],
        ),
        (
            "{host: a.io, path_allowlist: [/a/]}",
            "{host: a.io, path_allowlist: [/a/b, /c]}",
            &["a.io +/c -/a/"],
        ),
        (
            "{host: a.io, path_allowlist: [/a/]}",
            "{host: a.io, path_allowlist: [/a/, /a/b]}",
            &[],
        ),
        (
            "{host: a.io}",
            "{host: a.io, auth: {scheme: Bearer, token_ref: T}}",
            &["a.io *"],
        ),
        (
            "{host: a.io, auth: {scheme: Bearer, token_ref: T}}",
            "{host: a.io, auth: {scheme: Bearer, token_ref: U}}",
            &["a.io *"],
        ),
        (
            "{host: a.io}, {host: b.io}",
            "{host: c.io}, {host: a.io}",
            &["c.io +all", "b.io -all"],
        ),
    ];
    for (before, after, expected) in table {
        assert_eq!(told(before, after), expected, "{before} -> {after}");
    }
}

#[test]
fn what_can_not_be_meant_is_refused_with_its_line() {
    let bad = [
        "host: https://a.io",
        "host: a.io/v1",
        "host: 'a b.io'",
        "host: ''",
        "host: me@a.io",
        "host: a.io\n    path_allowlist: [v1]",
        "host: a.io\n    path_allowlist: ['/a b']",
        "host: a.io\n    path_allowlist: [/größe]",
        "host: a.io\n    auth: {scheme: Bearer, token_ref: a-b}",
        "host: a.io\n    auth: {scheme: Bearer, token_ref: ghp_0123456789abcdefghijABCDEFGHIJ012345}",
    ];
    let none = Routes::default();
    for entry in bad {
        let text = format!("routes:\n  - host: ok.io\n  - {entry}\n");
        let routes = Routes::parse(&text).unwrap();
        let error = routes.check_edit(&none).unwrap_err();
        assert_eq!(error.line, 3, "{entry}: {error}");
        assert_eq!(
            routes.check_edit(&routes),
            Ok(()),
            "what stood there before may stay"
        );
    }
    for good in [
        "localhost",
        "10.0.0.1",
        "'[::1]'",
        "intranet",
        "'*.a.io'",
        "größe.example",
        "a.io:8443",
    ] {
        let text = format!("routes:\n  - host: {good}\n    path_allowlist: [/%2f..]\n");
        assert_eq!(Routes::parse(&text).unwrap().check_edit(&none), Ok(()), "{good}");
    }
}
