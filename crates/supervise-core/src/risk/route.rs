//! Risks of the paths and the credential that are asked for, and of the exceptions daemons ask for.

use super::subject::{Subject, shown, shown_list};
use crate::route::Route;
use crate::tool::Tool;

pub(super) fn not_a_route(subject: &Subject<'_>) -> Option<String> {
    let unread = subject.proposal.tool.asks_route() && subject.ask.is_none();
    unread.then(|| "the payload is not a route: no JSON object with a host".to_owned())
}

pub(super) fn outside_the_rules(subject: &Subject<'_>) -> Option<String> {
    subject.ask.as_ref()?;
    let error = Route::from_payload(&subject.proposal.proposed_file).err()?;
    Some(format!(
        "no agent's tool would have sent this: {}",
        shown(&error.to_string())
    ))
}

pub(super) fn unusual_spelling(subject: &Subject<'_>) -> Option<String> {
    let payload = &subject.proposal.proposed_file;
    let route = Route::from_payload(payload)
        .ok()
        .filter(|_| subject.ask.is_some())?;
    let unusual = route.to_payload() != *payload;
    unusual
        .then(|| "the payload is not spelled as the tools spell it, so another program wrote it".to_owned())
}

pub(super) fn credential_new_host(subject: &Subject<'_>) -> Option<String> {
    let ask = subject.new_host()?;
    let token_ref = ask.token_ref.as_deref()?;
    Some(format!(
        "every request to {}, a new host, would carry the credential {}",
        ask.shown(),
        shown(token_ref)
    ))
}

pub(super) fn credential_more_paths(subject: &Subject<'_>) -> Option<String> {
    let auth = subject.live_route()?.auth.as_ref()?;
    let paths = match widens(subject) {
        false => return None,
        true => shown_list(subject.new_paths()).unwrap_or_else(|| "every path".to_owned()),
    };
    Some(format!(
        "the route carries the credential {}, which {paths} would get too",
        shown(&auth.token_ref)
    ))
}

pub(super) fn credential_ignored(subject: &Subject<'_>) -> Option<String> {
    let ask = subject.ask.as_ref()?;
    let token_ref = ask.token_ref.as_deref()?;
    subject.live_route()?;
    let host = ask.shown();
    Some(format!(
        "{host} has a route, whose credential stays as it is: {} is not used",
        shown(token_ref)
    ))
}

pub(super) fn token_ref_new(subject: &Subject<'_>) -> Option<String> {
    let token_ref = subject.new_host()?.token_ref.as_deref()?;
    let live = subject
        .context
        .routes
        .map(|routes| routes.entries())
        .unwrap_or_default();
    let in_use = live
        .iter()
        .filter_map(|entry| entry.auth.as_ref())
        .any(|auth| auth.token_ref == token_ref);
    let known = in_use
        || subject
            .context
            .known_token_refs
            .iter()
            .any(|known| known == token_ref);
    (!known).then(|| format!("no route has used the credential {} before", shown(token_ref)))
}

pub(super) fn whole_host(subject: &Subject<'_>) -> Option<String> {
    let ask = subject.new_host().filter(|ask| ask.paths.is_empty())?;
    Some(format!("every path of {} would be open", ask.shown()))
}

pub(super) fn opens_limited(subject: &Subject<'_>) -> Option<String> {
    let ask = subject.ask.as_ref()?;
    let live = subject.live_route().filter(|_| opens_all(subject))?;
    let paths = shown_list(live.path_allowlist.iter().map(String::as_str))?;
    Some(format!(
        "the route of {} allows only {paths}; every path would be open",
        ask.shown()
    ))
}

pub(super) fn prefix_no_slash(subject: &Subject<'_>) -> Option<String> {
    let paths = subject
        .new_paths()
        .into_iter()
        .filter(|path| !path.ends_with('/'));
    let paths = shown_list(paths)?;
    Some(format!(
        "a prefix without a final '/' opens whatever begins with it: {paths}"
    ))
}

pub(super) fn path_root(subject: &Subject<'_>) -> Option<String> {
    let root = subject.new_paths().contains(&"/");
    root.then(|| "the prefix '/' opens every path".to_owned())
}

pub(super) fn scanner_exception(subject: &Subject<'_>) -> Option<String> {
    let asks = subject.proposal.tool == Tool::GitleaksAllow;
    asks.then(|| "the secret scanner would let this finding pass".to_owned())
}

pub(super) fn token_exception(subject: &Subject<'_>) -> Option<String> {
    let asks = subject.proposal.tool == Tool::EgressTokenAllow;
    asks.then(|| "what looks like a token would leave the bottle".to_owned())
}

/// Whether the live route, limited as it is, would open further.
fn widens(subject: &Subject<'_>) -> bool {
    opens_all(subject) || !subject.new_paths().is_empty()
}

fn opens_all(subject: &Subject<'_>) -> bool {
    let limited = subject.live_route().is_some_and(|live| !live.is_open());
    let all = |ask: &super::subject::Ask| ask.paths.is_empty();
    limited && (subject.ask.as_ref().is_some_and(all) || subject.new_paths().contains(&"/"))
}
