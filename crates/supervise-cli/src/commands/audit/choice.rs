//! Which entries a verb is about.

use supervise_store::AuditFilter;

use super::moment::Moment;

/// Options that narrow down the entries, together with `--bottle`.
#[derive(Debug, Default, clap::Args)]
pub(in crate::commands) struct Choice {
    /// Only entries of this component: egress, capability, gitleaks
    #[arg(long, value_name = "NAME")]
    component: Option<String>,
    /// Only entries with this action: approved, modified, rejected, operator-edit, apply-failed
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// Only entries of this operator: the configured name, the account's, or both as they are listed
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Only entries since then: 2026-11-20T10:00:00Z, 2026-11-20, or 30m, 2h, 7d ago
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only entries before then
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Only entries with exactly this text in the notes, the justification or the diff
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

impl Choice {
    pub(in crate::commands) fn filter(self) -> AuditFilter {
        AuditFilter {
            component: self.component,
            action: self.action,
            operator: self.operator,
            since: self.since.map(|moment| moment.timestamp()),
            until: self.until.map(|moment| moment.timestamp()),
            text: self.text,
            ..AuditFilter::default()
        }
    }
}
