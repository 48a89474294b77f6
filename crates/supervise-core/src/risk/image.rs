//! Risks of what an image is and does when it runs.

use std::collections::HashSet;

use super::dockerfile::{Dockerfile, Instruction};
use super::subject::{Subject, shown, shown_list};
use super::words::{items, pairs, words};

/// Variables that make programs load, trust or reach something else.
const STEERING: [&str; 20] = [
    "PATH",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "BASH_ENV",
    "ENV",
    "PROMPT_COMMAND",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYOPT",
    "PERL5OPT",
    "JAVA_TOOL_OPTIONS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_NO_VERIFY",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "PIP_INDEX_URL",
];
const SECRET_WORDS: [&str; 10] = [
    "TOKEN",
    "TOKENS",
    "SECRET",
    "SECRETS",
    "PASSWORD",
    "PASSWD",
    "APIKEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "PAT",
];
const SECRET_KEYS: [&str; 3] = ["API_KEY", "PRIVATE_KEY", "ACCESS_KEY"];

pub(super) fn user_root(subject: &Subject<'_>) -> Option<String> {
    let user = subject.dockerfile.as_ref()?.user();
    let before = subject.live.as_ref().and_then(Dockerfile::user);
    let was_root = before.as_deref().is_some_and(is_root);
    match user {
        Some(user) if is_root(&user) && !was_root => Some("the image would run as root".to_owned()),
        None if before.is_some() && !was_root => {
            let before = shown(&before.unwrap_or_default());
            Some(format!(
                "USER {before} is gone: the image runs as its base image does, which mostly is root"
            ))
        }
        _ => None,
    }
}

pub(super) fn add_url(subject: &Subject<'_>) -> Option<String> {
    let remote = |word: &String| {
        ["http://", "https://", "ftp://", "git@", "git://", "ssh://"]
            .iter()
            .any(|scheme| word.starts_with(scheme))
    };
    let urls: Vec<String> = added(subject, "ADD")
        .iter()
        .flat_map(|own| items(&own.rest))
        .filter(remote)
        .collect();
    let urls = shown_list(urls.iter().map(String::as_str))?;
    Some(format!("ADD would fetch what it finds at {urls}"))
}

pub(super) fn expose_new(subject: &Subject<'_>) -> Option<String> {
    let ports = new_items(subject, "EXPOSE", words);
    Some(format!(
        "a port is newly exposed: {}",
        shown_list(ports.iter().map(String::as_str))?
    ))
}

pub(super) fn volume_new(subject: &Subject<'_>) -> Option<String> {
    let paths = new_items(subject, "VOLUME", items);
    Some(format!(
        "a volume is new: {}",
        shown_list(paths.iter().map(String::as_str))?
    ))
}

pub(super) fn env_new(subject: &Subject<'_>) -> Option<String> {
    let names = new_variables(subject, "ENV");
    Some(format!(
        "environment variables are set: {}",
        shown_list(names.iter().map(|(name, _)| name.as_str()))?
    ))
}

pub(super) fn env_steers(subject: &Subject<'_>) -> Option<String> {
    let variables = new_variables(subject, "ENV");
    let names = variables
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| steers(name));
    Some(format!(
        "variables that decide what programs load, trust or reach: {}",
        shown_list(names)?
    ))
}

pub(super) fn secret_in_image(subject: &Subject<'_>) -> Option<String> {
    let variables = [new_variables(subject, "ARG"), new_variables(subject, "ENV")].concat();
    let names = variables
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| names_a_secret(name));
    Some(format!(
        "a secret in ARG or ENV stays readable in the image: {}",
        shown_list(names)?
    ))
}

pub(super) fn start_replaced(subject: &Subject<'_>) -> Option<String> {
    let (file, live) = (subject.dockerfile.as_ref()?, subject.live.as_ref()?);
    let last = |own: &[Instruction], keyword: &str| own.iter().rfind(|own| own.keyword == keyword).cloned();
    let own =
        |file: &Dockerfile, keyword: &str| (last(&file.instructions, keyword), last(&file.put_off, keyword));
    let moved = |keyword: &&&str| own(file, keyword) != own(live, keyword);
    let keywords: Vec<&str> = ["ENTRYPOINT", "CMD", "HEALTHCHECK"]
        .iter()
        .filter(|word| moved(word))
        .copied()
        .collect();
    Some(format!(
        "what runs in the container changes: {}",
        shown_list(keywords)?
    ))
}

/// The instructions of that keyword that the live file doesn't have, variables filled in: another value makes
/// another instruction.
pub(super) fn added(subject: &Subject<'_>, keyword: &str) -> Vec<Instruction> {
    let filled = |file: Option<&Dockerfile>| file.map(|file| file.filled(keyword)).unwrap_or_default();
    let old: HashSet<Instruction> = filled(subject.live.as_ref()).into_iter().collect();
    let new = filled(subject.dockerfile.as_ref()).into_iter();
    new.filter(|own| !old.contains(own)).collect()
}

fn new_items(subject: &Subject<'_>, keyword: &str, read: fn(&str) -> Vec<String>) -> Vec<String> {
    let all =
        |file: &Dockerfile| -> Vec<String> { file.all(keyword).flat_map(|own| read(&own.rest)).collect() };
    let old = subject.live.as_ref().map(all).unwrap_or_default();
    let new = subject.dockerfile.as_ref().map(all).unwrap_or_default();
    new.into_iter().filter(|item| !old.contains(item)).collect()
}

fn new_variables(subject: &Subject<'_>, keyword: &str) -> Vec<(String, String)> {
    let all = |file: &Dockerfile| -> Vec<_> { file.all(keyword).flat_map(|own| pairs(&own.rest)).collect() };
    let old = subject.live.as_ref().map(all).unwrap_or_default();
    let new = subject.dockerfile.as_ref().map(all).unwrap_or_default();
    new.into_iter()
        .filter(|variable| !old.contains(variable))
        .collect()
}

fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or(user).trim_matches(['"', '\'']);
    name == "root" || (!name.is_empty() && name.bytes().all(|b| b == b'0'))
}

fn steers(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.ends_with("_PROXY") || STEERING.contains(&upper.as_str())
}

fn names_a_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let word = |word: &str| SECRET_WORDS.contains(&word);
    upper.split('_').any(word) || SECRET_KEYS.iter().any(|key| upper.contains(key))
}
