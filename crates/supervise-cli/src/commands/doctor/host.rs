//! What holds for all bottles: the root's files, the clock, the configuration, interrupted decisions.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::geteuid;
use supervise_core::{Slug, format_timestamp};
use supervise_store::{Host, StoreError};
use time::OffsetDateTime;

use super::{Finding, Level, quoted};
use crate::inbox::in_scope;
use crate::session::Session;

/// No clock that is right is behind this program's own making.
const EARLIEST_YEAR: i32 = 2026;
const SET_CLOCK: &str = "sudo timedatectl set-ntp true";
const OTHERS: u32 = 0o077;
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Clocks of one machine don't differ by more.
pub(super) const AHEAD: time::Duration = time::Duration::minutes(5);

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
    findings.extend(replaceable(root.path()));
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
    if let Err(error) = session.queues() {
        let path = root.queues_file();
        let mend = format!("mend it: ${{EDITOR}} {}", quoted(&path));
        let about = path.display().to_string();
        findings.push(Finding::new(
            Level::Wrong,
            about,
            error.explanation().plain(),
            mend,
        ));
    }
    match audit(session).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreadable(&root.host_db(), &error)),
    }
    findings.extend(abandoned_locks(session));
    findings
}

/// A root that others can write: they can put a configuration of theirs in the place of ours.
fn replaceable(path: &Path) -> Option<Finding> {
    let mode = path.metadata().ok()?.mode();
    let text = format!(
        "others can replace what is in it: its mode is {:04o}",
        mode & 0o7777
    );
    let mend = format!("chmod go-w {}", quoted(path));
    (mode & WRITABLE_BY_OTHERS != 0)
        .then(|| Finding::new(Level::Wrong, path.display().to_string(), text, mend))
}

/// Locks of bottles that are no more.
fn abandoned_locks(session: &Session<'_>) -> Vec<Finding> {
    let entries = std::fs::read_dir(session.root.locks_dir());
    let abandoned = entries.into_iter().flatten().flatten().filter_map(|entry| {
        let path = entry.path();
        let slug: Slug = path.file_name()?.to_str()?.strip_suffix(".lock")?.parse().ok()?;
        let gone = session.root.queue_dir(&slug).symlink_metadata().is_err();
        let text = format!("it is the lock of '{slug}', and there is no such bottle");
        let about = path.display().to_string();
        (gone && in_scope(session, slug.as_str()))
            .then(|| Finding::new(Level::Note, about, text, format!("rm {}", quoted(&path))))
    });
    abandoned.collect()
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
    (now.year() < EARLIEST_YEAR).then(|| Finding::new(Level::Wrong, "the clock", text, SET_CLOCK))
}

/// What the host's database tells: decisions that were interrupted, and when the last one was.
async fn audit(session: &Session<'_>) -> Result<Vec<Finding>, StoreError> {
    let Some(host) = Host::open_read_only(&session.root).await? else {
        return Ok(Vec::new());
    };
    let interrupted = host.interrupted().await?;
    let last = host.audit_last_at().await?;
    let mut findings: Vec<Finding> = interrupted.iter().map(interruption).collect();
    findings.extend(behind(last.as_deref(), OffsetDateTime::now_utc()));
    Ok(findings)
}

fn interruption(slug: &Slug) -> Finding {
    let text = "a decision is under way or was interrupted";
    let mend = format!("supervise list --bottle {slug}");
    Finding::new(Level::Note, slug.as_str(), text, mend)
}

/// A clock that was put back since the last audit entry.
fn behind(last: Option<&str>, now: OffsetDateTime) -> Option<Finding> {
    let last = moment(last?)?;
    let text = format!(
        "it is behind the last audit entry, which is of {}",
        format_timestamp(last)
    );
    (last > now + AHEAD).then(|| Finding::new(Level::Wrong, "the clock", text, SET_CLOCK))
}

pub(super) fn moment(timestamp: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(timestamp, &time::format_description::well_known::Rfc3339).ok()
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

    #[test]
    fn a_clock_before_the_last_entry_is_wrong() {
        let last = Some("2026-11-20T23:23:57.110789+00:00");
        assert!(behind(last, datetime!(2026-11-20 23:18 UTC)).is_some());
        assert!(behind(last, datetime!(2026-11-20 23:19 UTC)).is_none());
        assert!(behind(None, datetime!(1970-01-01 00:00 UTC)).is_none());
    }
}
