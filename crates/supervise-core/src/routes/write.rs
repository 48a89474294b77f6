//! A new route, in the quotes of its neighbours.

use super::document::Quoting;
use super::shape::{distinct, scheme_word};
use super::spell::spell;
use crate::route::Route;

/// How the neighbours of something new are quoted.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) keys: Quoting,
    pub(super) values: Quoting,
}

pub(super) const PLAIN: Style = Style {
    keys: Quoting::Plain,
    values: Quoting::Plain,
};

/// The lines of a route as an item whose dash stands at `column`.
pub(super) fn block_route(route: &Route, style: Style, column: usize) -> Vec<String> {
    let key = |name: &str| spell(name, style.keys);
    let value = |text: &str| spell(text, style.values);
    let mut lines = vec![format!("- {}: {}", key("host"), value(route.host()))];
    if !route.path_allowlist().is_empty() {
        lines.push(format!("  {}:", key("path_allowlist")));
        lines.extend(distinct(route.path_allowlist()).map(|path| format!("    - {}", value(path))));
    }
    if let Some(auth) = route.auth() {
        lines.push(format!("  {}:", key("auth")));
        lines.push(format!(
            "    {}: {}",
            key("scheme"),
            value(scheme_word(auth.scheme))
        ));
        lines.push(format!("    {}: {}", key("token_ref"), value(&auth.token_ref)));
    }
    lines
        .into_iter()
        .map(|line| format!("{:column$}{line}", ""))
        .collect()
}

/// A route in braces.
pub(super) fn flow_route(route: &Route, style: Style) -> String {
    let key = |name: &str| spell(name, style.keys);
    let value = |text: &str| spell(text, style.values);
    let mut entries = vec![format!("{}: {}", key("host"), value(route.host()))];
    if !route.path_allowlist().is_empty() {
        let paths: Vec<String> = distinct(route.path_allowlist()).map(value).collect();
        entries.push(format!("{}: [{}]", key("path_allowlist"), paths.join(", ")));
    }
    if let Some(auth) = route.auth() {
        let scheme = format!("{}: {}", key("scheme"), value(scheme_word(auth.scheme)));
        let token_ref = format!("{}: {}", key("token_ref"), value(&auth.token_ref));
        entries.push(format!("{}: {{{scheme}, {token_ref}}}", key("auth")));
    }
    format!("{{{}}}", entries.join(", "))
}
