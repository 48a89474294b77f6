//! A proposal, read once for all checks.

use serde_json::{Map, Value};

use super::Context;
use super::dockerfile::Dockerfile;
use crate::host::{HostError, normalize_host};
use crate::proposal::Proposal;
use crate::routes::RouteEntry;
use crate::secret::mask_secrets;
use crate::text::SafeLine;
use crate::tool::Tool;

const MAX_SHOWN_CHARS: usize = 80;

/// What the checks look at.
pub(super) struct Subject<'a> {
    pub(super) proposal: &'a Proposal,
    pub(super) context: &'a Context<'a>,
    /// The route it asks for, as far as there is one to read.
    pub(super) ask: Option<Ask>,
    /// The Dockerfile it proposes.
    pub(super) dockerfile: Option<Dockerfile>,
    /// The Dockerfile as it is.
    pub(super) live: Option<Dockerfile>,
}

/// A route as somebody asked for it, whatever rules it breaks.
pub(super) struct Ask {
    pub(super) host: String,
    /// The host's one spelling, or why it has none.
    pub(super) name: Result<String, HostError>,
    pub(super) paths: Vec<String>,
    pub(super) token_ref: Option<String>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(proposal: &'a Proposal, context: &'a Context<'a>) -> Self {
        let file = proposal.proposed_file.as_str();
        let changes_image = proposal.tool == Tool::CapabilityBlock;
        Subject {
            proposal,
            context,
            ask: proposal.tool.asks_route().then(|| Ask::read(file)).flatten(),
            dockerfile: changes_image.then(|| Dockerfile::parse(file)),
            live: context
                .dockerfile
                .filter(|_| changes_image)
                .map(Dockerfile::parse),
        }
    }

    /// The live route of the host that is asked for.
    pub(super) fn live_route(&self) -> Option<&'a RouteEntry> {
        self.context.routes?.find(&self.ask.as_ref()?.host)
    }

    /// The route that is asked for, if its host has none yet.
    pub(super) fn new_host(&self) -> Option<&Ask> {
        self.ask.as_ref().filter(|_| self.live_route().is_none())
    }

    /// The prefixes asked for that aren't open yet.
    pub(super) fn new_paths(&self) -> Vec<&str> {
        let live = self.live_route();
        let is_new = |path: &&String| live.is_none_or(|live| !live.allows(path));
        let asked = self.ask.iter().flat_map(|ask| &ask.paths);
        asked.filter(is_new).map(String::as_str).collect()
    }
}

impl Ask {
    fn read(payload: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(payload).ok()?;
        let object = value.as_object()?;
        let host = text(object, "host")?;
        Some(Ask {
            name: normalize_host(&host),
            host,
            paths: texts(object.get("path_allowlist")),
            token_ref: object
                .get("auth")
                .and_then(Value::as_object)
                .map(|auth| text(auth, "token_ref").unwrap_or_default()),
        })
    }

    /// The host as it may be shown: its A-label, or what was sent, escaped.
    pub(super) fn shown(&self) -> String {
        shown(self.name.as_ref().unwrap_or(&self.host))
    }
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(str::to_owned)
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A text of any origin in a line of ours: secrets masked, escaped, and not too long.
pub(super) fn shown(raw: &str) -> String {
    let masked = mask_secrets(raw);
    let start: String = masked.chars().take(MAX_SHOWN_CHARS).collect();
    let more = if start.len() < masked.len() { "…" } else { "" };
    format!("{}{more}", SafeLine::new(&start))
}

/// A list of such texts; `None` if it is empty.
pub(super) fn shown_list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<String> {
    const MOST: usize = 5;
    let texts: Vec<&str> = texts.into_iter().collect();
    let mut list: Vec<String> = texts.iter().take(MOST).map(|text| shown(text)).collect();
    if texts.len() > MOST {
        list.push(format!("and {} more", texts.len() - MOST));
    }
    (!list.is_empty()).then(|| list.join(", "))
}
