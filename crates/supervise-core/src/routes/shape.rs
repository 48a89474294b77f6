//! What a document says, without how it is written; what a change should make of it.

use super::document::{Document, Kind, Node};
use super::merge::Step;
use super::spell::is_text;
use crate::route::{AuthScheme, Route};

/// A document's meaning. Two that are equal read the same in every YAML program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Text(String),
    /// Null, number, truth value: as it is written.
    Other(String),
    List(Vec<Shape>),
    Mapping(Vec<(String, Shape)>),
}

impl Shape {
    pub(super) fn of(document: &Document) -> Self {
        document
            .root
            .as_ref()
            .map_or(Shape::Mapping(Vec::new()), Shape::of_node)
    }

    /// What the document should say after `step`; `None` if it has no place for it.
    pub(super) fn after(mut self, step: &Step<'_>) -> Option<Self> {
        let routes = self.routes_mut()?;
        match step {
            Step::Append(route) => routes.push(Shape::of_route(route)),
            Step::Extend { at, added } => match routes.get_mut(*at)?.member_mut("path_allowlist")? {
                Shape::List(paths) => paths.extend(added.iter().cloned().map(Shape::Text)),
                _ => return None,
            },
            Step::Open { at } => match routes.get_mut(*at)? {
                Shape::Mapping(entries) => entries.retain(|(key, _)| key != "path_allowlist"),
                _ => return None,
            },
        }
        Some(self)
    }

    fn of_node(node: &Node) -> Self {
        match &node.kind {
            Kind::Scalar { value, quoting } if is_text(value, *quoting) => Shape::Text(value.clone()),
            Kind::Scalar { value, .. } => Shape::Other(value.clone()),
            Kind::Sequence { items, .. } => Shape::List(items.iter().map(Shape::of_node).collect()),
            Kind::Mapping { entries, .. } => {
                let entry =
                    |entry: &super::document::Entry| (entry.key.clone(), Shape::of_node(&entry.value));
                Shape::Mapping(entries.iter().map(entry).collect())
            }
        }
    }

    fn of_route(route: &Route) -> Self {
        let text = |text: &str| Shape::Text(text.to_owned());
        let mut entries = vec![("host".to_owned(), text(route.host()))];
        if !route.path_allowlist().is_empty() {
            let paths = distinct(route.path_allowlist()).map(text).collect();
            entries.push(("path_allowlist".into(), Shape::List(paths)));
        }
        if let Some(auth) = route.auth() {
            let scheme = ("scheme".into(), text(scheme_word(auth.scheme)));
            let token_ref = ("token_ref".into(), text(&auth.token_ref));
            entries.push(("auth".into(), Shape::Mapping(vec![scheme, token_ref])));
        }
        Shape::Mapping(entries)
    }

    /// The list of routes, made where the file has none yet.
    fn routes_mut(&mut self) -> Option<&mut Vec<Shape>> {
        if let Shape::Mapping(entries) = self
            && entries.is_empty()
        {
            entries.push(("routes".into(), Shape::List(Vec::new())));
        }
        let routes = self.member_mut("routes")?;
        if matches!(routes, Shape::Other(_)) {
            *routes = Shape::List(Vec::new());
        }
        match routes {
            Shape::List(items) => Some(items),
            _ => None,
        }
    }

    fn member_mut(&mut self, key: &str) -> Option<&mut Shape> {
        match self {
            Shape::Mapping(entries) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Each text once, in order.
pub(super) fn distinct(texts: &[String]) -> impl Iterator<Item = &str> {
    let first = |at: usize| !texts[..at].contains(&texts[at]);
    (0..texts.len())
        .filter(move |at| first(*at))
        .map(|at| texts[at].as_str())
}

pub(super) fn scheme_word(scheme: AuthScheme) -> &'static str {
    match scheme {
        AuthScheme::Bearer => "Bearer",
        AuthScheme::Token => "token",
    }
}
