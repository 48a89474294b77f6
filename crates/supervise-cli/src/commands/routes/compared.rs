//! A bottle's routes file beside its audit log.

use std::collections::HashMap;

use supervise_core::{Audited, Component, Slug, Traced, trace_routes};
use supervise_store::{AuditFilter, AuditRow, Host, StoreError};

use super::live::Live;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::line;

/// Entries read at a time.
const PAGE: u32 = 500;
/// How often a file that changes while the log is read is read again.
const TRIES: usize = 3;

/// What the log says about the file.
pub(super) struct Compared {
    pub(super) traced: Traced,
    /// Every entry about the bottle's egress, by its id.
    pub(super) entries: HashMap<i64, AuditRow>,
    /// Whether a decision or an edit has not come to its end, so that the file may be ahead of the log.
    pub(super) is_unsettled: bool,
}

impl Compared {
    pub(super) async fn of(session: &Session<'_>, slug: &Slug) -> Result<Compared, CliError> {
        let host = Host::open_read_only(&session.root).await?;
        let mut live = Live::of(session, slug)?;
        let mut rows = Vec::new();
        for _ in 0..TRIES {
            rows = entries(host.as_ref(), slug).await?;
            let now = Live::of(session, slug)?;
            if now.text == live.text {
                break;
            }
            live = now;
        }
        let audited: Vec<_> = rows.iter().map(audited).collect();
        let traced = trace_routes(live.text()?, &audited).map_err(|error| live.refused(&error))?;
        let compared = Compared {
            traced,
            entries: rows.into_iter().map(|row| (row.id, row)).collect(),
            is_unsettled: is_unsettled(host.as_ref(), slug).await?,
        };
        compared.warn(session, slug);
        Ok(compared)
    }

    /// What limits the comparison.
    fn warn(&self, session: &Session<'_>, slug: &Slug) {
        for entry in &self.traced.not_understood {
            let what = line!["audit entry ", entry.audit_id, " is not understood: ", entry.why];
            session
                .ui
                .warn(what.and("; what it put in counts as not from here"));
        }
        if self.is_unsettled {
            let what = line![slug, ": a decision is being carried out or was interrupted"];
            session
                .ui
                .warn(what.and(", so the file may be ahead of the log; `supervise list` settles it"));
        }
    }
}

async fn entries(host: Option<&Host>, slug: &Slug) -> Result<Vec<AuditRow>, StoreError> {
    let Some(host) = host else {
        return Ok(Vec::new());
    };
    let mut filter = AuditFilter {
        slug: Some(slug.to_string()),
        component: Some(Component::Egress.name().to_owned()),
        limit: PAGE,
        ..AuditFilter::default()
    };
    let mut rows = Vec::new();
    loop {
        let page = host.audit_page(&filter).await?;
        let Some(last) = page.last() else {
            return Ok(rows);
        };
        filter.after_id = last.id;
        rows.extend(page);
    }
}

fn audited(row: &AuditRow) -> Audited<'_> {
    Audited {
        id: row.id,
        action: &row.entry.operator_action,
        diff: &row.entry.diff,
    }
}

async fn is_unsettled(host: Option<&Host>, slug: &Slug) -> Result<bool, StoreError> {
    match host {
        Some(host) => Ok(host.interrupted().await?.contains(slug)),
        None => Ok(false),
    }
}
