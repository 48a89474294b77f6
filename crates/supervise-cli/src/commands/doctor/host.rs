//! What holds for all bottles: the root's files, the clock, the configuration, interrupted decisions.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::geteuid;
use supervise_store::{Host, StoreError};
use time::OffsetDateTime;

use super::{Finding, Level, quoted};
use crate::session::Session;

/// No clock that is right is behind this program's own making.
const EARLIEST_YEAR: i32 = 2026;
const OTHERS: u32 = 0o077;

pub(super) async fn check(session: &Session<'_>) -> Vec<Finding> {
    let root = &session.root;
    if !root.path().exists() {
        let text = "there is no such root yet";
        return vec![Finding::new(
            Level::Note,
            root.path().display().to_string(),
            text,
            "supervise prepare SLUG",
        )];
    }
    let dirs = [root.queues_dir(), root.audit_dir(), root.locks_dir()];
    let files = [root.host_db(), root.chain_log()];
    // What lies in a directory has a mode of its own, so one that others may look into is no harm yet.
    let dirs = dirs.iter().filter_map(|path| private(path, Level::Note));
    let files = files.iter().filter_map(|path| private(path, Level::Wrong));
    let mut findings: Vec<Finding> = dirs.chain(files).collect();
    findings.extend(clock(OffsetDateTime::now_utc()));
    if let Err(error) = session.config() {
        let about = root.config().display().to_string();
        let text = error.explanation().plain();
        let mend = error.advice().map_or_else(
            || format!("mend it: ${{EDITOR}} {}", quoted(&root.config())),
            |hint| hint.plain(),
        );
        findings.push(Finding::new(Level::Wrong, about, text, mend));
    }
    findings.extend(interrupted(session).await);
    findings
}

/// What is wrong with the owner and the mode of a path that should be ours alone. What isn't there is fine.
pub(super) fn private(path: &Path, level: Level) -> Option<Finding> {
    let found = path.symlink_metadata().ok()?;
    let (text, mend) = unprivate(path, &found)?;
    Some(Finding::new(level, path.display().to_string(), text, mend))
}

fn unprivate(path: &Path, found: &Metadata) -> Option<(String, String)> {
    let name = quoted(path);
    if found.is_symlink() {
        return Some((
            "it is a symbolic link".to_owned(),
            format!("see where it leads, then take it away: ls -l {name}"),
        ));
    }
    if found.uid() != geteuid().as_raw() {
        let text = format!("it belongs to user {}, not to you", found.uid());
        return Some((text, format!("sudo chown \"$(id -u)\" {name}")));
    }
    if found.mode() & OTHERS != 0 {
        let text = format!("others may use it: its mode is {:04o}", found.mode() & 0o7777);
        return Some((text, format!("chmod go= {name}")));
    }
    None
}

fn clock(now: OffsetDateTime) -> Option<Finding> {
    let text = format!(
        "it says {}, and proposals are dated and ordered by it",
        now.date()
    );
    (now.year() < EARLIEST_YEAR)
        .then(|| Finding::new(Level::Wrong, "the clock", text, "sudo timedatectl set-ntp true"))
}

async fn interrupted(session: &Session<'_>) -> Vec<Finding> {
    let found = async {
        match Host::open_read_only(&session.root).await? {
            Some(host) => host.interrupted().await,
            None => Ok(Vec::new()),
        }
    };
    let about = session.root.host_db();
    match found.await {
        Ok(slugs) => slugs
            .iter()
            .map(|slug| {
                let text = "a decision is under way or was interrupted";
                Finding::new(
                    Level::Note,
                    slug.as_str(),
                    text,
                    format!("supervise list --bottle {slug}"),
                )
            })
            .collect(),
        Err(error) => vec![unreadable(&about, &error)],
    }
}

fn unreadable(path: &Path, error: &StoreError) -> Finding {
    let mend = match error {
        StoreError::Busy => format!("fuser {}", quoted(path)),
        _ => format!("mv {0} {0}.bad", quoted(path)),
    };
    Finding::new(Level::Wrong, path.display().to_string(), error.to_string(), mend)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_clock_before_this_program_is_wrong() {
        assert!(clock(datetime!(1970-01-01 00:00 UTC)).is_some());
        assert!(clock(datetime!(2026-11-20 00:00 UTC)).is_none());
    }
}
