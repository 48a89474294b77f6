//! The operator's side of one bottle of the fleet: what its tables in memory are filled from, and told to.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use supervise_core::{Digest, Slug};
use uuid::Uuid;

use super::answer::Answering;
use super::audit::Record;
use super::operator::OperatorLine;
use super::url::FleetUrl;
use crate::error::StoreError;
use crate::line::{Claiming, Given, Note};
use crate::row::parse_id;

/// What other operators did meanwhile is looked up this often at most; a claim asks for itself.
const RELOAD_EVERY: Duration = Duration::from_millis(250);

/// A connection of the operators' role, for one bottle.
pub(crate) struct OperatorSide {
    line: OperatorLine,
    slug: Slug,
    /// The audit entries that go with answers, in one transaction each.
    records: HashMap<Uuid, Record>,
    loaded_at: Option<Instant>,
}

impl OperatorSide {
    pub(crate) async fn connect(url: &FleetUrl, slug: &Slug) -> Result<OperatorSide, StoreError> {
        Ok(OperatorSide {
            line: OperatorLine::connect(url).await?,
            slug: slug.clone(),
            records: HashMap::new(),
            loaded_at: None,
        })
    }

    /// What is kept of the bottle, unless that was asked a moment ago.
    pub(crate) async fn load(&mut self) -> Result<Vec<Note>, StoreError> {
        if self.loaded_at.is_some_and(|at| at.elapsed() < RELOAD_EVERY) {
            return Ok(Vec::new());
        }
        let notes = self.line.load(&self.slug).await?;
        self.loaded_at = Some(Instant::now());
        Ok(notes)
    }

    /// The audit entry of an answer that is about to be told.
    pub(crate) fn entrust(&mut self, id: Uuid, record: Record) {
        self.records.insert(id, record);
    }

    /// Appends an entry that answers nothing.
    pub(crate) async fn audit(&mut self, record: &Record) -> Result<(), StoreError> {
        self.line.audit_append(&self.slug, record).await.map(|_| ())
    }

    pub(crate) async fn claim(&mut self, id: Uuid, digest: Digest) -> Result<Claiming, StoreError> {
        self.line.claim(&self.slug, id, digest).await
    }

    pub(crate) async fn publish(&mut self, notes: Vec<Note>) -> Result<(), StoreError> {
        for note in notes {
            match note {
                Note::Proposed(proposal) => self.line.submit(&proposal).await?,
                Note::Released(id) => self.line.release(id).await?,
                Note::Reopened(id) => self.line.reopen(&self.slug, id).await.map(|_| ())?,
                Note::Answered(given) => self.answer(&given).await?,
                // The bottle's to tell; and a claim is told when it is taken.
                Note::Joined { .. }
                | Note::TimedOut(_)
                | Note::Delivered(_)
                | Note::Withdrawn(_)
                | Note::Claimed(_) => {}
            }
        }
        Ok(())
    }

    async fn answer(&mut self, given: &Given) -> Result<(), StoreError> {
        let id =
            parse_id(&given.answer.response.proposal_id).ok_or(StoreError::Altered("the response's id"))?;
        let record = (self.records.remove(&id)).ok_or(StoreError::Altered("the answer's audit entry"))?;
        let status = given.answer.response.status;
        match self.line.answer(&self.slug, given, &record).await? {
            Answering::Answered { .. } => Ok(()),
            // An earlier run's, which was killed before it knew.
            Answering::Already(already) if already == status => Ok(()),
            Answering::Already(already) => Err(StoreError::Denied(format!("it is already {already}"))),
            Answering::Lost(_) => Err(StoreError::Denied(
                "its claim was lost with the connection".to_owned(),
            )),
        }
    }

    pub(crate) fn poll_every(&self) -> Duration {
        RELOAD_EVERY
    }
}

impl fmt::Debug for OperatorSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorSide")
            .field("slug", &self.slug)
            .finish_non_exhaustive()
    }
}
