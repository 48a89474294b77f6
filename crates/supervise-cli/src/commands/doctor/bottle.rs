//! Each bottle: whether its queue can be opened, lies on a disk of ours, and holds nothing odd.

use std::path::{Path, PathBuf};
use std::time::Duration;

use supervise_store::{Bottle, Page, Queue, StoreError, bottles};
use time::OffsetDateTime;

use super::host::private;
use super::{Finding, Level, quoted};
use crate::error::CliError;
use crate::inbox::{Place, in_scope, require_named};
use crate::session::Session;
use crate::visit::{VisitError, visit_all, within};

const PATIENCE: Duration = Duration::from_secs(2);
/// Clocks of one machine don't differ by more.
const AHEAD: time::Duration = time::Duration::minutes(5);

pub(super) async fn check(session: &Session<'_>) -> Result<Vec<Finding>, CliError> {
    require_named(session)?;
    let mut findings = Vec::new();
    let mut places = Vec::new();
    for bottle in bottles(&session.root)? {
        match bottle {
            Bottle::Queue(slug, dir) if in_scope(session, slug.as_str()) => places.push(Place { slug, dir }),
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
    // Before anything is opened: opening narrows a directory's mode.
    findings.extend(places.iter().flat_map(|place| {
        let db = place.dir.join(supervise_core::QUEUE_DB_FILENAME);
        [private(&place.dir, Level::Wrong), private(&db, Level::Wrong)]
            .into_iter()
            .flatten()
    }));
    let root = session.root.path().to_owned();
    let mut found = visit_all(places, |place| visit(root.clone(), place)).await?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    findings.extend(found.into_iter().flat_map(|(_, findings)| findings));
    Ok(findings)
}

/// Puts a directory where it is no bottle: beside it, `dev.bad` would be one too.
fn aside(root: &Path, dir: &Path) -> String {
    format!("mv {} {}", quoted(dir), quoted(root))
}

async fn visit(root: PathBuf, place: Place) -> (String, Vec<Finding>) {
    let slug = place.slug.to_string();
    let read = within(PATIENCE, async {
        let queue = Queue::open_read_only(&place.dir, &place.slug).await?;
        Ok((queue.mount_warning(), queue.proposal_page().await?))
    });
    let findings = match read.await {
        Ok((mount, page)) => {
            let mend = "move the root to a local disk: supervise --root DIR";
            let mount = mount.map(|text| Finding::new(Level::Wrong, slug.as_str(), text, mend));
            mount
                .into_iter()
                .chain(rows(&place, &page, OffsetDateTime::now_utc()))
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
    let db = quoted(&place.dir.join(supervise_core::QUEUE_DB_FILENAME));
    let hidden = page.hidden.iter().map(|hidden| {
        let text = format!("row {} is never listed: {}", hidden.row, hidden.reason);
        let row = hidden.row;
        let mend = format!("sqlite3 {db} 'UPDATE supervise_proposals SET archived = 1 WHERE rowid = {row}'");
        Finding::new(Level::Wrong, slug.as_str(), text, mend)
    });
    let ahead = page.proposals.iter().filter_map(|listed| {
        let proposal = &listed.proposal;
        let text = match arrival(&proposal.arrival_timestamp) {
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

fn arrival(timestamp: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(timestamp, &time::format_description::well_known::Rfc3339).ok()
}
