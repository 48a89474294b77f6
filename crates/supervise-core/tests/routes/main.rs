//! The routes file: every way people write one, and what an approved route makes of it.
#![cfg(feature = "operator")]
#![allow(clippy::unwrap_used, reason = "a test that fails should panic where it fails")]

mod added;
mod already;
mod edited;
mod extended;
mod opened;
mod properties;
mod refused;
mod traced;

use supervise_core::{Auth, AuthScheme, Merged, Route, Routes, merge};

fn route(host: &str, paths: &[&str]) -> Route {
    Route::new(host, paths.iter().map(|path| (*path).to_owned()).collect(), None).unwrap()
}

fn route_with_auth(host: &str, paths: &[&str]) -> Route {
    let auth = Auth {
        scheme: AuthScheme::Bearer,
        token_ref: "API_TOKEN".into(),
    };
    Route::new(host, route(host, paths).path_allowlist().to_vec(), Some(auth)).unwrap()
}

/// The amended text; once more changes nothing, and a file with other line endings comes out the same.
fn amended(before: &str, route: &Route) -> String {
    let text = amend(before, route);
    assert_eq!(merge(&text, route), Ok(Merged::AlreadyAllowed), "{text}");
    let windows = before.replace('\n', "\r\n");
    assert_eq!(amend(&windows, route).replace("\r\n", "\n"), text, "with CRLF");
    assert_eq!(
        amend(&windows, route).matches('\n').count(),
        text.matches('\n').count()
    );
    if before.contains('\n') {
        assert!(
            !amend(&windows, route).replace("\r\n", "").contains('\n'),
            "mixed line endings"
        );
    }
    text
}

fn amend(before: &str, route: &Route) -> String {
    match merge(before, route) {
        Ok(Merged::Changed { text, .. }) => text,
        other => panic!("{before:?} became {other:?}"),
    }
}

fn hosts(text: &str) -> Vec<String> {
    let routes = Routes::parse(text).unwrap();
    routes.entries().iter().map(|entry| entry.host.clone()).collect()
}
