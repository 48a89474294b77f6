//! Each bottle's answers beside the audit log, and rows that belong to nothing.

use supervise_store::{AuditedDecisions, Examined, Place, WrittenAnswer};

use super::{Finding, Level, quoted};

/// Findings of one kind about one bottle; more are only counted.
const MAX_EACH: usize = 20;

/// What an examination found, seen beside what was audited.
pub(super) fn findings(place: &Place, found: &Examined, audited: &AuditedDecisions) -> Vec<Finding> {
    let (orphans, known): (Vec<_>, Vec<_>) = found
        .answers
        .iter()
        .partition(|answer| answer.justification.is_none());
    let forged: Vec<_> = known.into_iter().filter(|answer| !audited.has(answer)).collect();
    let mut findings: Vec<Finding> = forged
        .iter()
        .take(MAX_EACH)
        .map(|answer| unaudited(place, answer))
        .collect();
    if forged.len() > MAX_EACH {
        let text = format!("{} more answers have no audit entry", forged.len() - MAX_EACH);
        findings.push(wrong(
            place,
            text,
            format!("supervise audit list --bottle {}", place.slug),
        ));
    }
    if !orphans.is_empty() {
        findings.push(orphaned(place, orphans.len()));
    }
    findings.extend(
        found
            .leftovers
            .iter()
            .map(|(table, count)| leftover(place, table, *count)),
    );
    findings
}

fn wrong(place: &Place, text: String, mend: String) -> Finding {
    Finding::new(Level::Wrong, place.slug.as_str(), text, mend)
}

fn unaudited(place: &Place, answer: &WrittenAnswer) -> Finding {
    let text = format!(
        "the answer '{}' to {} has no audit entry: it is forged, or of a program that keeps no audit",
        answer.status, answer.proposal_id
    );
    // Its id is raw text too; what isn't one is not made part of a command.
    let mend = if supervise_core::is_proposal_id(&answer.proposal_id) {
        format!("supervise show {} --bottle {}", answer.proposal_id, place.slug)
    } else {
        format!("supervise list --bottle {}", place.slug)
    };
    wrong(place, text, mend)
}

fn orphaned(place: &Place, count: usize) -> Finding {
    let text = format!("{count} answers belong to no proposal");
    let lost = "WHERE proposal_id NOT IN (SELECT id FROM supervise_proposals)";
    // Only what is archived can be deleted.
    let statements =
        format!("UPDATE supervise_responses SET archived = 1 {lost}; DELETE FROM supervise_responses {lost}");
    wrong(place, text, statement(place, &statements))
}

fn leftover(place: &Place, table: &str, count: u64) -> Finding {
    let text = format!("{count} rows of {table} belong to no proposal");
    let statements =
        format!("DELETE FROM {table} WHERE proposal_id NOT IN (SELECT id FROM supervise_proposals)");
    Finding::new(
        Level::Note,
        place.slug.as_str(),
        text,
        statement(place, &statements),
    )
}

fn statement(place: &Place, statements: &str) -> String {
    let db = place.database();
    format!("sqlite3 {} '{statements}'", quoted(&db))
}
