//! Opens roots as they may lie on a disk after a power loss, and says what is there.
//!
//! Each line on stdin is `ROOT<tab>SLUG<tab>ID,ID…`; each is answered by a line of JSON on stdout.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde_json::json;
use supervise_core::{Root, Slug};
use supervise_store::{Against, AuditFilter, Host, Queue, State, StoreError, audit_verify};

type Error = Box<dyn std::error::Error>;

#[derive(Default)]
struct There {
    /// State by id of those proposals that were asked for and are there.
    proposals: BTreeMap<String, String>,
    /// What was decided about each proposal, in the order of the log.
    audit: Vec<(String, String)>,
    /// Everything that could not be opened, read or verified.
    troubles: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    for line in io::stdin().lines() {
        let line = line?;
        let [root, slug, ids] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err("usage: ROOT<tab>SLUG<tab>ID,ID… on stdin".into());
        };
        let there = look(&Root::new(PathBuf::from(root)), &slug.parse()?, ids).await;
        let mut out = io::stdout().lock();
        let (proposals, audit, troubles) = (&there.proposals, &there.audit, &there.troubles);
        let answer = json!({"proposals": proposals, "audit": audit, "troubles": troubles});
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

async fn look(root: &Root, slug: &Slug, ids: &str) -> There {
    let mut there = There::default();
    let ids: Vec<&str> = ids.split(',').filter(|id| !id.is_empty()).collect();
    match proposals(root, slug, &ids).await {
        Ok(proposals) => there.proposals = proposals,
        // A bottle that was told nothing may have lost its directory as well.
        Err(StoreError::Missing { .. }) if ids.is_empty() => {}
        Err(error) => there.troubles.push(format!("queue: {error}")),
    }
    match audit(root).await {
        Ok(audit) => there.audit = audit,
        Err(error) => there.troubles.push(format!("audit: {error}")),
    }
    match audit_verify(root, &Against::Anchor).await {
        Ok(verified) => there
            .troubles
            .extend(verified.problem.map(|problem| format!("verify: {problem}"))),
        Err(error) => there.troubles.push(format!("verify: {error}")),
    }
    there
}

/// Opened as the sidecar opens it.
async fn proposals(root: &Root, slug: &Slug, ids: &[&str]) -> Result<BTreeMap<String, String>, StoreError> {
    let queue = Queue::open(&root.queue_dir(slug), slug).await?;
    let mut found = BTreeMap::new();
    for id in ids {
        for one in queue.proposal_find(id).await? {
            found.insert(one.id().to_owned(), state(&one.state));
        }
    }
    queue.close().await;
    Ok(found)
}

fn state(state: &State) -> String {
    match state {
        State::Decided(answer) => answer.response.status.name().to_owned(),
        State::Pending => "pending".to_owned(),
        State::BeingDecided => "being decided".to_owned(),
        State::Withdrawn => "withdrawn".to_owned(),
        State::Unreadable => "unreadable".to_owned(),
    }
}

async fn audit(root: &Root) -> Result<Vec<(String, String)>, StoreError> {
    let Some(host) = Host::open_read_only(root).await? else {
        return Ok(Vec::new());
    };
    let rows = host.audit_page(&AuditFilter::default()).await?;
    host.close().await;
    let pair = |row: supervise_store::AuditRow| {
        (
            row.origin.proposal_id.unwrap_or_default(),
            row.entry.operator_action,
        )
    };
    Ok(rows.into_iter().map(pair).collect())
}
