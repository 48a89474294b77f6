//! Everything that can be printed of a text, wherever it stands.

use std::collections::HashMap;

use supervise_core::{
    AuditEntry, Gone, Part, Proposal, Reach, RouteAuth, RouteChange, RouteEntry, Status, Tool, Traced,
    TracedRoute,
};
use supervise_store::{AuditOrigin, AuditRow, Head, Listed, Verified};
use time::OffsetDateTime;

use super::super::Line;
use crate::apply::LiveFile;
use crate::commands::doctor::{Finding, Level};
use crate::commands::modify::delta;
use crate::commands::watch::event::{self, Event};
use crate::error::CliError;
use crate::inbox::Item;
use crate::look::Change;
use crate::notify::subject;
use crate::render::{audit, card, list, pruned, routes, traced, verified};
use crate::risks::{Background, worst};

pub(super) fn item(tool: Tool, text: &str) -> Item {
    let slug = "dev".parse().unwrap();
    let mut proposal = Proposal::new(&slug, tool, text, text);
    proposal.arrival_timestamp = text.to_owned();
    proposal.current_file_hash = text.to_owned();
    let joined = 2;
    Item::new(
        &slug,
        Listed {
            proposal,
            joined,
            timed_out: false,
        },
    )
}

pub(super) fn card_of(item: &Item, live: &LiveFile, columns: Option<usize>) -> Vec<Line> {
    let mut background = Background::default();
    background.dockerfile = live.text().map(str::to_owned);
    card::lines(
        item,
        &background.risks(&item.proposal),
        &live.preview(&item.proposal),
        columns,
    )
}

fn audit_row(text: &str) -> AuditRow {
    let text = || text.to_owned();
    AuditRow {
        id: 7,
        entry: AuditEntry {
            timestamp: text(),
            bottle_slug: text(),
            component: text(),
            operator_action: text(),
            operator_notes: text(),
            justification: text(),
            diff: text(),
        },
        origin: AuditOrigin {
            operator: Some(text()),
            ..AuditOrigin::default()
        },
        proposal: None,
        chain: None,
        bytes: Vec::new(),
    }
}

/// Everything that can be printed of `text`, wherever it stands.
pub(super) fn everything(text: &str, columns: usize) -> Vec<Line> {
    let live = LiveFile::Refused(text.to_owned());
    let mut lines = Vec::new();
    for tool in Tool::ALL {
        let item = item(tool, text);
        lines.extend(card_of(&item, &LiveFile::NotConfigured, Some(columns)));
        lines.extend(card_of(&item, &live, Some(columns)));
        let risks = worst(&Background::default().risks(&item.proposal));
        lines.extend(list::rows(&[(&item, risks)], columns, OffsetDateTime::UNIX_EPOCH));
        lines.extend(delta(
            &item.proposal,
            "FROM x\n",
            &Background::default().risks(&item.proposal),
            Some(columns),
        ));
    }
    lines.extend(
        events(text)
            .iter()
            .map(|change| event::human(&Event::new(change), change)),
    );
    lines.extend(audit::rows(&[audit_row(text)], columns));
    lines.extend(of_routes(text));
    lines.extend(Finding::new(Level::Wrong, text, text, text).lines());
    lines.push(pruned::planned(&"dev".parse().unwrap(), 7, (text, text), 7));
    let head = Head {
        id: 7,
        hash: text.to_owned(),
    };
    lines.extend(verified::summary(&Verified {
        head: Some(head),
        ..Verified::default()
    }));
    let error = CliError::failed("it failed").because(std::io::Error::other(text.to_owned()));
    lines.push(error.explanation());
    lines
}

/// Every event that `watch` tells of.
fn events(text: &str) -> Vec<Change> {
    let item = || item(Tool::EgressAllow, text);
    let slug = || item().slug;
    vec![
        Change::Appeared(slug()),
        Change::Gone(slug()),
        Change::Arrived(item()),
        Change::Joined(item()),
        Change::Decided(item(), Some(Status::Rejected)),
        Change::Withdrawn(item()),
        Change::TimedOut(item()),
    ]
}

/// What a notification says of it: it leaves the terminal, and is raw text all the same.
pub(super) fn notifications(text: &str) -> Vec<String> {
    let host = serde_json::json!({"host": text}).to_string();
    let asks = [item(Tool::EgressAllow, text), item(Tool::EgressAllow, &host)];
    asks.iter().map(|item| subject(&item.proposal)).collect()
}

/// Routes with hosts, paths and credentials that an operator or another program may have written.
fn of_routes(text: &str) -> Vec<Line> {
    let raw = || text.to_owned();
    let mut entry = RouteEntry::new(text, vec![raw(), raw()]);
    entry.auth = Some(RouteAuth {
        scheme: raw(),
        token_ref: raw(),
    });
    let bare = RouteEntry::new(text, Vec::new());
    let reach = Reach {
        every_path: false,
        path_allowlist: vec![raw()],
        auth: entry.auth.clone(),
    };
    let part = |audit_id| Part {
        audit_id,
        reach: reach.clone(),
    };
    let traced = Traced {
        routes: vec![TracedRoute {
            entry: entry.clone(),
            parts: vec![part(None), part(Some(7))],
        }],
        gone: vec![Gone {
            host: raw(),
            route_left: true,
            audit_id: 7,
            reach: reach.clone(),
        }],
        not_understood: Vec::new(),
    };
    let entries = HashMap::from([(7, audit_row(text))]);
    let changes = [
        RouteChange {
            before: Some(&entry),
            after: Some(&bare),
        },
        RouteChange {
            before: None,
            after: Some(&entry),
        },
        RouteChange {
            before: Some(&entry),
            after: None,
        },
    ];
    let tables = [
        traced::rows(&traced.routes, &entries),
        traced::drift(&traced, &entries),
        routes::changes(&changes),
    ];
    tables.concat()
}
