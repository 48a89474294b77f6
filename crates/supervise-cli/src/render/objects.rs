//! Proposals and audit entries as the JSON objects that scripts read. Fields may be added, never changed.

use serde::Serialize;
use supervise_core::{Component, Proposal, Risk, Tool};
use supervise_store::AuditRow;

use crate::apply::Preview;
use crate::inbox::Item;
use crate::render::diff;

/// One element of `list --json`.
#[derive(Debug, Serialize)]
pub(crate) struct ProposalObject<'a> {
    id: &'a str,
    bottle_slug: &'a str,
    tool: Tool,
    component: Option<Component>,
    proposed_file: &'a str,
    justification: &'a str,
    arrival_timestamp: &'a str,
    current_file_hash: &'a str,
    digest: String,
    joined: u64,
    risks: &'a [Risk],
}

impl<'a> ProposalObject<'a> {
    pub(crate) fn new(item: &'a Item, risks: &'a [Risk]) -> Self {
        let proposal = &item.proposal;
        ProposalObject {
            id: &proposal.id,
            bottle_slug: item.slug.as_str(),
            tool: proposal.tool,
            component: proposal.tool.component(),
            proposed_file: &proposal.proposed_file,
            justification: &proposal.justification,
            arrival_timestamp: &proposal.arrival_timestamp,
            current_file_hash: &proposal.current_file_hash,
            digest: item.digest.to_string(),
            joined: item.joined,
            risks,
        }
    }
}

/// What `show --json` prints: an element of the list, and the diff.
#[derive(Debug, Serialize)]
pub(crate) struct ShownObject<'a> {
    #[serde(flatten)]
    proposal: ProposalObject<'a>,
    diff: String,
}

impl<'a> ShownObject<'a> {
    pub(crate) fn new(item: &'a Item, risks: &'a [Risk], preview: &Preview) -> Self {
        ShownObject {
            proposal: ProposalObject::new(item, risks),
            diff: match preview {
                Preview::Diff(diff) => diff.clone(),
                Preview::Already(_) => String::new(),
                Preview::Refused(_) => diff::proposed(&item.proposal),
            },
        }
    }
}

/// One element of `audit list --json`, and what a line of `audit export` begins with.
#[derive(Debug, Serialize)]
pub(crate) struct AuditObject<'a> {
    id: i64,
    timestamp: &'a str,
    bottle_slug: &'a str,
    component: &'a str,
    operator_action: &'a str,
    operator_notes: &'a str,
    justification: &'a str,
    diff: &'a str,
    proposal_id: Option<&'a str>,
    tool: Option<&'a str>,
    operator: Option<&'a str>,
    via: Option<&'a str>,
    digest: Option<&'a str>,
    /// What had been proposed, where that was modified.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<&'a Proposal>,
}

impl<'a> AuditObject<'a> {
    pub(crate) fn new(row: &'a AuditRow) -> Self {
        let (entry, origin) = (&row.entry, &row.origin);
        AuditObject {
            id: row.id,
            timestamp: &entry.timestamp,
            bottle_slug: &entry.bottle_slug,
            component: &entry.component,
            operator_action: &entry.operator_action,
            operator_notes: &entry.operator_notes,
            justification: &entry.justification,
            diff: &entry.diff,
            proposal_id: origin.proposal_id.as_deref(),
            tool: origin.tool.as_deref(),
            operator: origin.operator.as_deref(),
            via: origin.via.as_deref(),
            digest: origin.digest.as_deref(),
            proposal: row.proposal.as_ref(),
        }
    }
}
