//! What is risky about a proposal, judged against what is known of its bottle.

use std::time::Duration;

use supervise_core::{Context, Level, Proposal, Risk, Route, Routes, Slug, Tool, assess};
use supervise_store::{AuditFilter, AuditRow, Host, Queue, StoreError};

use crate::apply::LiveFile;
use crate::inbox::Item;
use crate::session::Session;
use crate::ui::Paint;
use crate::visit::{VisitError, within};

/// A card must not wait long for what only adds to it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How many of a bottle's last decisions are looked up.
const DECISIONS: usize = 50;

/// What proposals of one bottle are judged against. What isn't known counts as nothing there, which errs
/// on the side of a risk.
#[derive(Debug, Default)]
pub(crate) struct Background {
    /// The live routes and the live Dockerfile.
    pub(crate) routes: Option<Routes>,
    pub(crate) dockerfile: Option<String>,
    refused_hosts: Vec<String>,
    token_refs: Vec<String>,
}

impl Background {
    /// The live files, and what earlier decisions in the bottle tell. Risks are advice, so what can't be
    /// looked up is left out.
    pub(crate) async fn of(session: &Session<'_>, slug: &Slug) -> Background {
        let decided = within(PATIENCE, decided_before(session, slug)).await;
        let decided = decided.unwrap_or_else(|_: VisitError| Background::default());
        let live = Background::live(session, slug);
        Background {
            routes: live.routes,
            dockerfile: live.dockerfile,
            ..decided
        }
    }

    /// The live files alone: quick enough for a list over every bottle.
    pub(crate) fn live(session: &Session<'_>, slug: &Slug) -> Background {
        let live = |tool| LiveFile::of(session, slug, tool).unwrap_or(LiveFile::NotConfigured);
        let routes = live(Tool::EgressAllow);
        Background {
            routes: routes.text().and_then(|text| Routes::parse(text).ok()),
            dockerfile: live(Tool::CapabilityBlock).text().map(str::to_owned),
            ..Background::default()
        }
    }

    /// Every risk of `item`, the worst first.
    pub(crate) fn risks(&self, item: &Item) -> Vec<Risk> {
        let context = Context {
            routes: self.routes.as_ref(),
            dockerfile: self.dockerfile.as_deref(),
            refused_hosts: &self.refused_hosts,
            known_token_refs: &self.token_refs,
        };
        assess(&item.proposal, &context)
    }

    fn learn(&mut self, proposal: &Proposal, action: &str) {
        let Ok(route) = Route::from_payload(&proposal.proposed_file) else {
            return;
        };
        match action {
            "rejected" => self.refused_hosts.push(route.host().to_owned()),
            "approved" => self
                .token_refs
                .extend(route.auth().map(|auth| auth.token_ref.clone())),
            _ => {}
        }
    }
}

/// The worst level among `risks`.
pub(crate) fn worst(risks: &[Risk]) -> Option<Level> {
    risks.iter().map(|risk| risk.level).max()
}

/// The colour of a level.
pub(crate) fn paint(level: Level) -> Paint {
    match level {
        Level::Danger => Paint::Red,
        Level::Warn => Paint::Yellow,
        Level::Info => Paint::Dim,
    }
}

async fn decided_before(session: &Session<'_>, slug: &Slug) -> Result<Background, StoreError> {
    let mut background = Background::default();
    let Some(host) = Host::open_read_only(&session.root).await? else {
        return Ok(background);
    };
    let filter = AuditFilter {
        slug: Some(slug.to_string()),
        component: Tool::EgressAllow
            .component()
            .map(|component| component.name().to_owned()),
        ..AuditFilter::default()
    };
    let rows = host.audit_page(&filter).await?;
    let queue = Queue::open_read_only(&session.root.queue_dir(slug), slug).await?;
    for row in rows.iter().rev().take(DECISIONS) {
        if let Some(proposal) = audited(&queue, row).await? {
            background.learn(&proposal, &row.entry.operator_action);
        }
    }
    Ok(background)
}

/// The proposal of an audit entry. The queue's word alone doesn't count: the sidecar can write it, so the row
/// must still have the digest that the audit log has.
async fn audited(queue: &Queue, row: &AuditRow) -> Result<Option<Proposal>, StoreError> {
    let (Some(id), Some(digest)) = (&row.origin.proposal_id, &row.origin.digest) else {
        return Ok(None);
    };
    let found = queue
        .proposal_find(id)
        .await?
        .into_iter()
        .map(|found| found.listed.proposal);
    let mut matching = found.filter(|proposal| proposal.digest().to_string() == *digest);
    Ok(matching.next())
}
