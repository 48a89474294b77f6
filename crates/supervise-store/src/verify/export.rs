//! The same checks on an export, as far as they go: it has no anchor of its own, and may be a part.

use std::borrow::Cow;
use std::path::Path;

use crate::audit::{AuditOrigin, AuditRow};
use crate::error::StoreError;
use crate::verify::walk::{Lag, Scope, Seen, Walk};
use crate::verify::{Problem, Verified, open_copy};

/// Takes the entries of an export in their order.
#[derive(Debug)]
pub struct ExportVerifier(Walk);

impl ExportVerifier {
    /// For an export of `scope`.
    pub fn new(scope: Scope) -> ExportVerifier {
        ExportVerifier(Walk::new(scope, None))
    }

    /// The same, beside a copy of the anchor of whatever age.
    pub async fn beside(scope: Scope, anchor: &Path) -> Result<ExportVerifier, StoreError> {
        let mut lines = open_copy(anchor).await?;
        lines.settle()?;
        Ok(ExportVerifier(Walk::new(scope, Some((lines, Lag::Any)))))
    }

    /// Checks the next entry. After a problem there is nothing left but [`ExportVerifier::stop`].
    pub fn check(&mut self, row: &AuditRow) -> Result<Result<(), Problem>, StoreError> {
        // An export doesn't tell a side row without anything from none.
        let no_origin = row.origin == AuditOrigin::default()
            && row
                .chain
                .as_ref()
                .is_none_or(|line| line.link == crate::Link::Adopted);
        self.0.step(&Seen {
            id: row.id,
            entry: Cow::Owned(row.raw()),
            origin: (!no_origin).then(|| row.origin.clone()),
            line: row.chain.clone(),
            sound: true,
            proposed: row
                .proposal
                .as_ref()
                .map(|proposal| Some(proposal.digest().to_string())),
        })
    }

    /// What was found, when there are no more entries.
    pub fn finish(self) -> Result<Verified, StoreError> {
        self.0.finish()
    }

    /// What was found up to a problem.
    pub fn stop(self, problem: Problem) -> Verified {
        self.0.stop(Some(problem))
    }
}
