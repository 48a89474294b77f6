//! An audit entry as a line of an export: with all that its hash is over.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use supervise_core::{AuditEntry, Proposal, mask_secrets};
use supervise_store::{AuditRow, Link};

use crate::render::objects::AuditObject;

/// What was done to an export as a whole, so that every line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Marks {
    /// Entries were left out.
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) filtered: bool,
    /// Secrets were masked, so that nothing fits its hash any more.
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) masked: bool,
}

fn is_not(mark: &bool) -> bool {
    !*mark
}

/// One line of `audit export`.
#[derive(Debug, Serialize)]
pub(crate) struct ExportObject<'a> {
    #[serde(flatten)]
    entry: AuditObject<'a>,
    prev: Option<&'a str>,
    hash: Option<&'a str>,
    link: Option<&'static str>,
    /// Columns that aren't UTF-8, as hex digits: what stands in their place can't be hashed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    bytes: BTreeMap<&'static str, String>,
    #[serde(flatten)]
    marks: Marks,
}

impl<'a> ExportObject<'a> {
    pub(crate) fn new(row: &'a AuditRow, marks: Marks) -> Self {
        let bytes = row.bytes.iter().filter(|_| !marks.masked);
        ExportObject {
            entry: AuditObject::new(row),
            prev: row.chain.as_ref().map(|line| line.prev.as_str()),
            hash: row.chain.as_ref().map(|line| line.hash.as_str()),
            link: row.chain.as_ref().map(|line| Link::name(line.link)),
            bytes: bytes.map(|(column, bytes)| (column.name(), hex(bytes))).collect(),
            marks,
        }
    }
}

/// The entry as it is exported.
pub(crate) fn masked(row: &AuditRow, marks: Marks) -> Cow<'_, AuditRow> {
    if !marks.masked {
        return Cow::Borrowed(row);
    }
    let entry = &row.entry;
    Cow::Owned(AuditRow {
        entry: AuditEntry {
            operator_notes: mask_secrets(&entry.operator_notes),
            justification: mask_secrets(&entry.justification),
            diff: mask_secrets(&entry.diff),
            ..entry.clone()
        },
        proposal: row.proposal.as_ref().map(|proposal| Proposal {
            proposed_file: mask_secrets(&proposal.proposed_file),
            justification: mask_secrets(&proposal.justification),
            ..proposal.clone()
        }),
        ..row.clone()
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
