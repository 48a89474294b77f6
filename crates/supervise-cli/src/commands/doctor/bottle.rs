//! Each bottle: whether its queue can be opened, lies on a disk of ours, and holds nothing odd.

use std::path::{Path, PathBuf};
use std::time::Duration;

use supervise_core::{SafeLine, Slug};
use supervise_store::{AuditedDecisions, Bottle, Host, Mount, Page, Place, Queue, StoreError, bottles};
use time::OffsetDateTime;

use super::host::{AHEAD, moment, private};
use super::{Finding, Level, answers, configured, quoted, undelivered};
use crate::error::CliError;
use crate::inbox::{in_scope, require_named};
use crate::session::Session;
use crate::ui::{Line, line};
use crate::visit::{VisitError, visit_all, within};

const PATIENCE: Duration = Duration::from_secs(2);

/// What is wrong, and which kind of queue each bottle has.
pub(super) async fn check(session: &Session<'_>) -> Result<(Vec<Finding>, Vec<Line>), CliError> {
    require_named(session)?;
    let mut findings = Vec::new();
    let mut places = Vec::new();
    for bottle in bottles(&session.root)? {
        match bottle {
            Bottle::Queue(slug, _) if in_scope(session, slug.as_str()) => {
                places.extend(session.place(&slug).ok())
            }
            Bottle::Unusable { name, why } if in_scope(session, &name) => {
                let path = session.root.queues_dir().join(&name);
                let text = format!("it can't be a bottle: {why}");
                findings.push(Finding::new(
                    Level::Wrong,
                    name,
                    text,
                    aside(session.root.path(), &path),
                ));
            }
            Bottle::Queue(..) | Bottle::Unusable { .. } => {}
        }
    }
    let kinds: Vec<Line> = places.iter().map(kind).collect();
    // Before anything is opened: opening narrows a directory's mode.
    findings.extend(places.iter().flat_map(|place| {
        let db = place.database();
        [private(&place.dir, Level::Wrong), private(&db, Level::Wrong)]
            .into_iter()
            .flatten()
    }));
    // A configuration that can't be read is a finding about the host.
    if let Ok(config) = session.config() {
        let slugs: Vec<Slug> = places.iter().map(|place| place.slug.clone()).collect();
        findings.extend(configured::check(session, config, &slugs));
    }
    let root = session.root.path().to_owned();
    // And so is an audit log that can't.
    let host = Host::open_read_only(&session.root).await.ok();
    if let Some(Some(host)) = &host {
        for place in &places {
            let undelivered = within(PATIENCE, undelivered::check(session, host, &place.slug)).await;
            findings.extend(undelivered.into_iter().flatten());
        }
    }
    let mut found = visit_all(places, |place| visit(root.clone(), host.clone(), place)).await?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    findings.extend(found.into_iter().flat_map(|(_, findings)| findings));
    Ok((findings, kinds))
}

/// Which kind of queue a bottle has, and what it lies on.
fn kind(place: &Place) -> Line {
    let mount = Mount::of(&place.dir);
    let lies = if mount.is_local() {
        ", which is this kernel's alone"
    } else {
        ", which another kernel may have mounted too"
    };
    let on = SafeLine::new(mount.file_system());
    line![
        &place.slug,
        ": its queue is ",
        place.backend.name(),
        ", on ",
        on,
        lies
    ]
}

/// Puts a directory where it is no bottle: beside it, `dev.bad` would be one too.
fn aside(root: &Path, dir: &Path) -> String {
    format!("mv {} {}", quoted(dir), quoted(root))
}

/// `host` is the audit log, if it can be read; the inner `None` is one that isn't there yet.
async fn visit(root: PathBuf, host: Option<Option<Host>>, place: Place) -> (String, Vec<Finding>) {
    let slug = place.slug.to_string();
    let read = within(PATIENCE, async {
        let queue = Queue::read_at(&place).await?;
        let (page, examined) = (queue.proposal_page().await?, queue.examine().await?);
        // The audit log after the queue: whatever was answered by then has its entry.
        let audited = match &host {
            Some(Some(host)) => Some(host.audited_decisions(&place.slug).await?),
            Some(None) => Some(AuditedDecisions::default()),
            None => None,
        };
        Ok((queue.mount_warning(), page, examined, audited))
    });
    let findings = match read.await {
        Ok((mount, page, examined, audited)) => {
            let mend = format!(
                "stop the bottle, then: {} && supervise prepare {slug} --queue files",
                aside(&root, &place.dir)
            );
            let mount = mount.map(|text| Finding::new(Level::Wrong, slug.as_str(), text, mend));
            mount
                .into_iter()
                .chain(rows(&place, &page, OffsetDateTime::now_utc()))
                .chain(
                    audited
                        .iter()
                        .flat_map(|audited| answers::findings(&place, &examined, audited)),
                )
                .collect()
        }
        Err(error) if error.is_gone() => Vec::new(),
        Err(error) => vec![refusal(&root, &place, &error)],
    };
    (slug, findings)
}

/// Why a queue can't be opened or read, and what to do about it.
fn refusal(root: &Path, place: &Place, error: &VisitError) -> Finding {
    let dir = quoted(&place.dir);
    let mend = match error {
        VisitError::Late(_) | VisitError::Store(StoreError::Busy) => {
            format!("find the program that holds it: fuser -v {dir}/*")
        }
        VisitError::Store(_) => format!("stop the bottle, then: {}", aside(root, &place.dir)),
    };
    Finding::new(Level::Wrong, place.slug.as_str(), error.to_string(), mend)
}

/// What is odd about the rows of a queue.
fn rows(place: &Place, page: &Page, now: OffsetDateTime) -> Vec<Finding> {
    let slug = &place.slug;
    let db = quoted(&place.database());
    let hidden = page.hidden.iter().map(|hidden| {
        let text = format!("row {} is never listed: {}", hidden.row, hidden.reason);
        let row = hidden.row;
        let mend = format!("sqlite3 {db} 'UPDATE supervise_proposals SET archived = 1 WHERE rowid = {row}'");
        Finding::new(Level::Wrong, slug.as_str(), text, mend)
    });
    let ahead = page.proposals.iter().filter_map(|listed| {
        let proposal = &listed.proposal;
        let text = match moment(&proposal.arrival_timestamp) {
            None => "has no time of arrival that can be read",
            Some(at) if at > now + AHEAD => "came from the future: a clock is wrong, or the row is made up",
            Some(_) => return None,
        };
        let text = format!("proposal {} {text}", proposal.id);
        let mend = format!("supervise show {} --bottle {slug}", proposal.id);
        Some(Finding::new(Level::Note, slug.as_str(), text, mend))
    });
    let claimed = page.claimed.then(|| {
        let text = "a decision is under way or was interrupted";
        Finding::new(
            Level::Note,
            slug.as_str(),
            text,
            format!("supervise list --bottle {slug}"),
        )
    });
    hidden.chain(ahead).chain(claimed).collect()
}
