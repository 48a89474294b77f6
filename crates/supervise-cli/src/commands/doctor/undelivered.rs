//! Decisions that are in force though their agent was never told of them: what the last step was refused.

use supervise_core::{Audited, Component, Slug, Status, Tool, trace_routes};
use supervise_store::{AuditFilter, AuditRow, Host, StoreError};

use super::{Finding, Level};
use crate::apply::LiveFile;
use crate::session::Session;

/// What is still in force of a bottle's undelivered decisions.
pub(super) async fn check(
    session: &Session<'_>,
    host: &Host,
    slug: &Slug,
) -> Result<Vec<Finding>, StoreError> {
    let entries = host.undelivered(slug).await?;
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let filter = AuditFilter {
        slug: Some(slug.to_string()),
        ..AuditFilter::default()
    };
    let rows = host.audit_page(&filter).await?;
    let routes = in_force(session, slug, &rows);
    let is_in_force = |id: &i64| routes.contains(id) || last_image(&rows) == Some(*id);
    let found = entries.iter().filter(|id| is_in_force(id));
    Ok(found.map(|id| finding(slug, *id, routes.contains(id))).collect())
}

/// The entries that put something into the live routes. What can't be compared is a finding of its own.
fn in_force(session: &Session<'_>, slug: &Slug, rows: &[AuditRow]) -> Vec<i64> {
    let live = LiveFile::of(session, slug, Tool::EgressAllow).unwrap_or(LiveFile::NotConfigured);
    let of_egress = rows.iter().filter(|row| is_of(row, Component::Egress));
    let audited: Vec<_> = of_egress
        .map(|row| Audited {
            id: row.id,
            action: &row.entry.operator_action,
            diff: &row.entry.diff,
        })
        .collect();
    let traced = live.text().and_then(|text| trace_routes(text, &audited).ok());
    let routes = traced.into_iter().flat_map(|traced| traced.routes);
    routes
        .flat_map(|route| route.parts)
        .filter_map(|part| part.audit_id)
        .collect()
}

/// Of images only the last one that was decided can be in force.
fn last_image(rows: &[AuditRow]) -> Option<i64> {
    let mut images = rows.iter().filter(|row| {
        let status = Status::from_name(&row.entry.operator_action);
        is_of(row, Component::Capability) && matches!(status, Ok(Status::Approved | Status::Modified))
    });
    images.next_back().map(|row| row.id)
}

fn is_of(row: &AuditRow, component: Component) -> bool {
    row.entry.component == component.name()
}

fn finding(slug: &Slug, id: i64, is_route: bool) -> Finding {
    let text = format!("audit entry {id} is in force, but its agent could not be told");
    let mend = if is_route {
        format!("supervise routes edit {slug}")
    } else {
        format!("put the Dockerfile back and rebuild it: supervise audit list --bottle {slug}")
    };
    Finding::new(Level::Wrong, slug.as_str(), text, mend)
}
