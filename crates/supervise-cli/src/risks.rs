//! What is risky about a proposal, judged against what is known of its bottle.

use std::time::Duration;

use supervise_core::{Component, Context, Level, Past, Proposal, Risk, Route, Routes, Slug, Tool, assess};
use supervise_store::{AuditFilter, AuditOrder, AuditRow, Host, Queue, StoreError};

use crate::apply::{FileKind, LiveFile};
use crate::session::Session;
use crate::ui::Paint;
use crate::visit::{VisitError, within};

/// A card must not wait long for what only adds to it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How many of a bottle's last decisions are looked up.
const DECISIONS: u32 = 50;

/// What a proposal is judged against. What isn't known counts as nothing there, which errs on the side of a risk.
#[derive(Debug, Default)]
pub(crate) struct Background {
    /// The live routes and the live Dockerfile.
    routes: Option<Routes>,
    pub(crate) dockerfile: Option<String>,
    earlier: Earlier,
}

/// What earlier decisions in a bottle tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Earlier {
    refused_hosts: Vec<String>,
    token_refs: Vec<String>,
    past: Past,
}

impl Background {
    /// The live file as it was read for the proposal's change, so that what is judged is what is shown, and what
    /// earlier decisions in the bottle tell.
    pub(crate) async fn of(session: &Session<'_>, slug: &Slug, live: &LiveFile) -> Background {
        Background::judging(live).beside(Earlier::read(session, slug).await)
    }

    /// The live file alone.
    pub(crate) fn judging(live: &LiveFile) -> Background {
        let text = live.text();
        Background {
            routes: text
                .filter(|_| live.is_of(FileKind::Routes))
                .and_then(|text| Routes::parse(text).ok()),
            dockerfile: text
                .filter(|_| live.is_of(FileKind::Dockerfile))
                .map(str::to_owned),
            ..Background::default()
        }
    }

    /// The same with what earlier decisions tell.
    pub(crate) fn beside(self, earlier: Earlier) -> Background {
        Background { earlier, ..self }
    }

    /// The live files alone: quick enough for a list over every bottle.
    pub(crate) fn live(session: &Session<'_>, slug: &Slug) -> Background {
        let live = |tool| LiveFile::of(session, slug, tool).unwrap_or(LiveFile::NotConfigured);
        Background {
            dockerfile: Background::judging(&live(Tool::CapabilityBlock)).dockerfile,
            ..Background::judging(&live(Tool::EgressAllow))
        }
    }

    /// Every risk of `proposal`, the worst first.
    pub(crate) fn risks(&self, proposal: &Proposal) -> Vec<Risk> {
        let context = Context {
            routes: self.routes.as_ref(),
            dockerfile: self.dockerfile.as_deref(),
            refused_hosts: &self.earlier.refused_hosts,
            known_token_refs: &self.earlier.token_refs,
            past: self.earlier.past,
        };
        assess(proposal, &context)
    }
}

impl Earlier {
    /// Risks are advice, so a card doesn't wait for them; what could not be looked up stands on it.
    pub(crate) async fn read(session: &Session<'_>, slug: &Slug) -> Earlier {
        Earlier::known(within(PATIENCE, decided_before(session, slug)).await)
    }

    fn known(looked_up: Result<Earlier, VisitError>) -> Earlier {
        looked_up.unwrap_or_else(|_| Earlier {
            past: Past::Unknown,
            ..Earlier::default()
        })
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

async fn decided_before(session: &Session<'_>, slug: &Slug) -> Result<Earlier, StoreError> {
    let mut earlier = Earlier::default();
    let Some(host) = Host::open_read_only(&session.root).await? else {
        return Ok(earlier);
    };
    let filter = AuditFilter {
        slug: Some(slug.to_string()),
        component: Some(Component::Egress.name().to_owned()),
        order: AuditOrder::NewestFirst,
        limit: DECISIONS,
        ..AuditFilter::default()
    };
    let rows = host.audit_page(&filter).await?;
    if rows.is_empty() {
        return Ok(earlier);
    }
    let queue = Queue::read_at(&session.place(slug)?).await?;
    for row in &rows {
        if let Some(proposal) = audited(&queue, row).await? {
            earlier.learn(&proposal, &row.entry.operator_action);
        }
    }
    Ok(earlier)
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn codes(background: &Background, payload: &str) -> Vec<&'static str> {
        let proposal = Proposal::new(&"dev".parse().unwrap(), Tool::EgressAllow, payload, "why");
        let risks = background.risks(&proposal);
        risks.iter().map(|risk| risk.code).collect()
    }

    #[test]
    fn what_was_read_for_the_change_is_what_is_judged() {
        let limited = "routes:\n  - host: a.example\n    path_allowlist: [/x/]\n";
        let live = LiveFile::Found {
            kind: FileKind::Routes,
            path: PathBuf::from("/nowhere/routes.yaml"),
            text: Some(limited.to_owned()),
        };
        let found = codes(&Background::judging(&live), "{\"host\": \"a.example\"}");
        assert!(found.contains(&"opens-limited"), "{found:?}");
    }

    #[test]
    fn a_past_that_is_late_is_said() {
        let late = Earlier::known(Err(VisitError::Late(500)));
        let background = Background::default().beside(late);
        assert!(codes(&background, "{\"host\": \"a.example\"}").contains(&"past-unknown"));
        let known = Background::default().beside(Earlier::known(Ok(Earlier::default())));
        assert!(!codes(&known, "{\"host\": \"a.example\"}").contains(&"past-unknown"));
    }
}
