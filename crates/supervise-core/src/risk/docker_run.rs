//! Risks of what a build runs.

use super::download;
use super::image::added;
use super::subject::{Subject, shown};
use super::words::items;

const USUAL_SHELLS: [&str; 9] = [
    "sh",
    "bash",
    "/bin/sh",
    "/bin/bash",
    "/bin/ash",
    "/bin/dash",
    "/bin/zsh",
    "/usr/bin/sh",
    "/usr/bin/bash",
];

/// Always said: the proxy that limits the agent doesn't stand before the builder.
pub(super) fn builder_network(subject: &Subject<'_>) -> Option<String> {
    subject.dockerfile.as_ref()?;
    Some("RUN uses the builder's network: no route limits what a build fetches or sends".to_owned())
}

pub(super) fn download_run(subject: &Subject<'_>) -> Option<String> {
    let old = subject
        .live
        .as_ref()
        .map(download::lines_that_run)
        .unwrap_or_default();
    let new = download::lines_that_run(subject.dockerfile.as_ref()?);
    let line = new.iter().find(|line| !old.contains(line))?;
    Some(format!("RUN would run what it downloads: {}", shown(line)))
}

/// Every later `RUN` is handed to it.
pub(super) fn shell_replaced(subject: &Subject<'_>) -> Option<String> {
    let shells = added(subject, "SHELL");
    let odd = shells.iter().find(|own| !is_usual_shell(&items(&own.rest)))?;
    Some(format!("every RUN would be handed to {}", shown(&odd.rest)))
}

pub(super) fn run_privileged(subject: &Subject<'_>) -> Option<String> {
    let loose = |flag: &&String| matches!(flag.as_str(), "--security=insecure" | "--network=host");
    let runs = added(subject, "RUN");
    let flag = runs.iter().flat_map(|own| own.flags.iter()).find(loose)?;
    Some(format!("RUN would leave the builder's sandbox with {flag}"))
}

/// A shell of the system with options of its own, such as `["/bin/bash", "-o", "pipefail", "-c"]`.
fn is_usual_shell(words: &[String]) -> bool {
    let Some((program, options)) = words.split_first() else {
        return false;
    };
    let is_option = |word: &String| word.starts_with('-') || word == "pipefail";
    USUAL_SHELLS.contains(&program.as_str()) && options.iter().all(is_option)
}
