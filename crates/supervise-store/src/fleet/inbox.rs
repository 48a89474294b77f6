//! A fleet as its operators' programs see it: every bottle at once.

use std::fmt;

use supervise_core::Slug;
use time::OffsetDateTime;

use super::operator::OperatorLine;
use super::url::FleetUrl;
use crate::audit::{AuditFilter, AuditRow};
use crate::error::StoreError;
use crate::inbox::Page;
use crate::verify::Verified;

/// More of a bottle are only counted.
const MAX_LISTED: u32 = 1000;

/// A connection to a fleet's database as its operators.
pub struct Fleet(OperatorLine);

impl Fleet {
    /// Connects as the operators' role.
    pub async fn connect(url: &FleetUrl) -> Result<Fleet, StoreError> {
        OperatorLine::connect(url).await.map(Fleet)
    }

    /// Every bottle that may ask, by name.
    pub async fn bottles(&mut self) -> Result<Vec<Slug>, StoreError> {
        self.0.bottles().await
    }

    /// What is pending, oldest first, of these bottles or of all. One of which nothing is pending is left out.
    pub async fn pages(&mut self, bottles: &[Slug]) -> Result<Vec<(Slug, Page)>, StoreError> {
        self.0.pages(bottles, MAX_LISTED).await
    }

    /// The bottles in which a proposal's id begins so.
    pub async fn bottles_with(&mut self, prefix: &str) -> Result<Vec<Slug>, StoreError> {
        let found = self.0.find(prefix).await?;
        Ok(found.into_iter().map(|(slug, _)| slug).collect())
    }

    /// Deletes a bottle's proposals that ended and arrived before then, with their answers. Says how many.
    pub async fn prune(&mut self, bottle: &Slug, before: OffsetDateTime) -> Result<u64, StoreError> {
        self.0.prune(bottle, before).await
    }

    /// The entries of the fleet's audit log, by bottle and number.
    pub async fn audit_page(&mut self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.0.audit_page(filter).await
    }

    /// Checks one bottle's chain.
    pub async fn audit_verify(&mut self, slug: &Slug) -> Result<Verified, StoreError> {
        self.0.audit_verify(slug).await
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").finish_non_exhaustive()
    }
}
