//! Risks of the host that is asked for.

use unicode_security::{MixedScript, confusable_detection::skeleton};

use super::subject::{Subject, shown};
use super::{Past, address};
use crate::host::{HostError, normalize_host};

pub(super) fn ip_address(subject: &Subject<'_>) -> Option<String> {
    let ask = subject.ask.as_ref()?;
    let host = ask.shown();
    match (&ask.name, address::literal(&ask.host)) {
        (Err(HostError::IpLiteral), Some(address)) => {
            Some(format!("{host} is the IP address {address}, not a name"))
        }
        (Err(HostError::IpLiteral), None) => Some(format!("{host} is an IP address, not a name")),
        (name, _) => {
            let address = address::spelled_out(name.as_ref().ok()?)?;
            Some(format!(
                "{host} is a name that stands for the IP address {address}"
            ))
        }
    }
}

pub(super) fn private_range(subject: &Subject<'_>) -> Option<String> {
    let ask = subject.ask.as_ref()?;
    let host = ask.shown();
    let name = match &ask.name {
        Err(HostError::Local) => return Some(format!("{host} names this machine or its network")),
        Err(HostError::SingleLabel) => return Some(format!("{host} is resolved inside the local network")),
        Err(_) => ask.host.as_str(),
        Ok(name) => name,
    };
    let address = address::literal(name).or_else(|| address::spelled_out(name))?;
    address::is_private(address).then(|| format!("{host} leads to {address}, inside the private network"))
}

pub(super) fn punycode(subject: &Subject<'_>) -> Option<String> {
    let name = subject.ask.as_ref()?.name.as_ref().ok()?;
    let unicode = unicode_form(name)?;
    Some(format!("{name} is shown by browsers as {}", shown(&unicode)))
}

pub(super) fn mixed_script(subject: &Subject<'_>) -> Option<String> {
    let name = subject.ask.as_ref()?.name.as_ref().ok()?;
    let unicode = unicode_form(name)?;
    let label = unicode.split('.').find(|label| !label.is_single_script())?;
    Some(format!(
        "{name} mixes letters of different scripts in {}",
        shown(label)
    ))
}

/// A label in one foreign script that looks like plain Latin letters, as а, с, е, о, р do.
pub(super) fn reads_as_ascii(subject: &Subject<'_>) -> Option<String> {
    let name = subject.ask.as_ref()?.name.as_ref().ok()?;
    let unicode = unicode_form(name)?;
    let latin = |label: &str| {
        let seen: String = skeleton(label).collect();
        (!label.is_ascii() && seen.is_ascii()).then_some(seen)
    };
    let seen = unicode.split('.').find_map(latin)?;
    Some(format!(
        "{name} is written in other letters but looks like {}",
        shown(&seen.replace("rn", "m"))
    ))
}

pub(super) fn public_suffix(subject: &Subject<'_>) -> Option<String> {
    let name = subject.ask.as_ref()?.name.as_ref().ok()?;
    let suffix = psl::suffix(name.as_bytes())?;
    let is_suffix = suffix.is_known() && suffix.as_bytes().len() == name.len();
    is_suffix.then(|| {
        format!(
            "{name} is a public suffix: anyone can get a name below it, and some serve anyone's content on it"
        )
    })
}

pub(super) fn refused_before(subject: &Subject<'_>) -> Option<String> {
    let ask = subject.ask.as_ref()?;
    let spelling = |host: &str| normalize_host(host).unwrap_or_else(|_| host.to_lowercase());
    let asked = spelling(&ask.host);
    let refused = subject
        .context
        .refused_hosts
        .iter()
        .any(|host| spelling(host) == asked);
    refused.then(|| format!("{} has been refused before", ask.shown()))
}

/// Said of what only earlier decisions could tell.
pub(super) fn past_unknown(subject: &Subject<'_>) -> Option<String> {
    let unknown = subject.ask.is_some() && subject.context.past == Past::Unknown;
    unknown.then(|| "what was decided before in this bottle could not be looked up in time".to_owned())
}

/// The form with its own letters of a host with an A-label, as a browser might show it; `None` for any other. It is
/// raw text: escape it.
///
/// ```
/// assert_eq!(supervise_core::unicode_form("xn--bcher-kva.example").as_deref(), Some("bücher.example"));
/// assert_eq!(supervise_core::unicode_form("example.com"), None);
/// ```
pub fn unicode_form(name: &str) -> Option<String> {
    let punycode = name.split('.').any(|label| label.starts_with("xn--"));
    let (unicode, result) = idna::domain_to_unicode(name);
    (punycode && result.is_ok()).then_some(unicode)
}
