//! The routes of a file, as the proxy reads them.

use std::collections::HashMap;

use serde::Serialize;

use super::document::{Document, Entry, Kind, Node};
use super::error::{RoutesError, RoutesProblem};
use super::spell::is_text;
use crate::host::normalize_host;

/// The routes of a routes file, in its order.
///
/// ```
/// use supervise_core::Routes;
/// let routes = Routes::parse("routes:\n  - host: API.example.com\n    path_allowlist: [/v1/]\n")?;
/// let route = routes.find("api.example.com").unwrap();
/// assert!(route.allows("/v1/x") && !route.allows("/v2/"));
/// # Ok::<(), supervise_core::RoutesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Routes {
    entries: Vec<RouteEntry>,
}

/// One route as it stands in the file. Only its shape is checked: an operator may have written what no agent
/// may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteEntry {
    /// The host in the spelling of [`normalize_host`](crate::normalize_host) where it has one, else in lower case.
    pub host: String,
    /// The host as the file has it.
    pub written_host: String,
    /// The path prefixes; none means every path.
    pub path_allowlist: Vec<String>,
    /// The credential the proxy adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<RouteAuth>,
    /// 1-based line of the file in which it begins; 0 for one in no file.
    pub line: usize,
}

/// The credential of a route in the file, under whatever scheme its operator wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteAuth {
    /// The word before the credential.
    pub scheme: String,
    /// The host variable that holds it.
    pub token_ref: String,
}

impl Routes {
    /// Reads a routes file; an empty one has no routes.
    pub fn parse(text: &str) -> Result<Self, RoutesError> {
        Self::read(&Document::parse(text)?)
    }

    /// Every route, in the order of the file.
    pub fn entries(&self) -> &[RouteEntry] {
        &self.entries
    }

    /// The route of a host, whatever its spelling here and in the file.
    pub fn find(&self, host: &str) -> Option<&RouteEntry> {
        let host = one_spelling(host);
        self.entries.iter().find(|entry| entry.host == host)
    }

    pub(super) fn read(document: &Document) -> Result<Self, RoutesError> {
        let entries = route_nodes(document)?
            .iter()
            .map(read_entry)
            .collect::<Result<_, _>>()?;
        let routes = Routes { entries };
        routes.check_hosts()?;
        Ok(routes)
    }

    fn check_hosts(&self) -> Result<(), RoutesError> {
        let mut lines = HashMap::new();
        for entry in &self.entries {
            if let Some(first) = lines.insert(&entry.host, entry.line) {
                let host = crate::SafeLine::new(&entry.host).to_string();
                return Err(RoutesProblem::HostTwice { host, first }.at(entry.line));
            }
        }
        Ok(())
    }
}

impl RouteEntry {
    /// A route that stands in no file, such as one that a proxy names.
    pub fn new(written_host: &str, path_allowlist: Vec<String>) -> Self {
        RouteEntry {
            host: one_spelling(written_host),
            written_host: written_host.to_owned(),
            path_allowlist,
            auth: None,
            line: 0,
        }
    }

    /// Whether it is the route of `host`, in whatever spelling.
    pub fn is_for(&self, host: &str) -> bool {
        self.host == one_spelling(host)
    }

    /// Whether every path of the host is open.
    pub fn is_open(&self) -> bool {
        self.path_allowlist.is_empty()
    }

    /// Whether `prefix` is open already: the route is open, names it, or names one it lies under that ends in `/`.
    pub fn allows(&self, prefix: &str) -> bool {
        let covers = |own: &String| own == prefix || (own.ends_with('/') && prefix.starts_with(own.as_str()));
        self.is_open() || self.path_allowlist.iter().any(covers)
    }
}

/// The items of `routes`; none for an empty file, an empty list or a `routes:` with nothing behind it.
pub(super) fn route_nodes(document: &Document) -> Result<&[Node], RoutesError> {
    let Some(root) = &document.root else {
        return Ok(&[]);
    };
    let missing = RoutesProblem::NotRoutes("there is no key 'routes' at the top");
    let routes = root.entry("routes").ok_or(missing.at(root.line))?;
    match &routes.value.kind {
        Kind::Sequence { items, .. } => Ok(items),
        _ if is_null(&routes.value) => Ok(&[]),
        _ => Err(RoutesProblem::NotRoutes("'routes' must be a list").at(routes.value.line)),
    }
}

fn read_entry(node: &Node) -> Result<RouteEntry, RoutesError> {
    if !matches!(node.kind, Kind::Mapping { .. }) {
        return Err(RoutesProblem::NotRoutes("a route must be a mapping with a 'host'").at(node.line));
    }
    let host = node.entry("host");
    let host = host.ok_or(RoutesProblem::NotRoutes("a route has no 'host'").at(node.line))?;
    let written_host = text(&host.value, "'host' must be text")?;
    Ok(RouteEntry {
        host: one_spelling(&written_host),
        written_host,
        path_allowlist: node.entry("path_allowlist").map_or(Ok(Vec::new()), read_paths)?,
        auth: node.entry("auth").map_or(Ok(None), read_auth)?,
        line: node.line,
    })
}

fn read_paths(entry: &Entry) -> Result<Vec<String>, RoutesError> {
    let Kind::Sequence { items, .. } = &entry.value.kind else {
        // Null too: programs differ in whether it means no path or every path.
        return Err(match is_null(&entry.value) {
            true => RoutesProblem::EmptyAllowlist,
            false => RoutesProblem::NotRoutes("'path_allowlist' must be a list"),
        }
        .at(entry.key_line));
    };
    if items.is_empty() {
        return Err(RoutesProblem::EmptyAllowlist.at(entry.key_line));
    }
    items
        .iter()
        .map(|item| text(item, "a path prefix must be text"))
        .collect()
}

fn read_auth(entry: &Entry) -> Result<Option<RouteAuth>, RoutesError> {
    if is_null(&entry.value) {
        return Ok(None);
    }
    let member = |name: &str| {
        let problem = "'auth' must hold a 'scheme' and a 'token_ref', both text";
        let member = entry
            .value
            .entry(name)
            .ok_or(RoutesProblem::NotRoutes(problem).at(entry.key_line))?;
        text(&member.value, problem)
    };
    Ok(Some(RouteAuth {
        scheme: member("scheme")?,
        token_ref: member("token_ref")?,
    }))
}

fn text(node: &Node, problem: &'static str) -> Result<String, RoutesError> {
    match &node.kind {
        Kind::Scalar { value, quoting } if is_text(value, *quoting) => Ok(value.clone()),
        _ => Err(RoutesProblem::NotRoutes(problem).at(node.line)),
    }
}

pub(super) fn is_null(node: &Node) -> bool {
    let Kind::Scalar { value, quoting } = &node.kind else {
        return false;
    };
    *quoting == super::document::Quoting::Plain
        && matches!(value.as_str(), "" | "~" | "null" | "Null" | "NULL")
}

/// The spelling hosts are compared in. An operator may route what no agent may ask for, so what has no
/// normal form is compared as DNS would: without regard to case and a final dot.
pub(super) fn one_spelling(host: &str) -> String {
    let plain = || host.strip_suffix('.').unwrap_or(host).to_lowercase();
    normalize_host(host).unwrap_or_else(|_| plain())
}
