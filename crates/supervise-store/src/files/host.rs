//! The host's side: it reads `in`, writes `out`, and keeps its tables in a database of its own.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use supervise_core::{Proposal, SafeLine, Slug};
use uuid::Uuid;

use super::folder::{Folder, Wrote, blocking};
use super::name::{IN, Kind, Name, OUT};
use super::note;
use crate::error::StoreError;
use crate::line::{Claiming, Given, Note};
use crate::row::parse_id;

const POLL: Duration = Duration::from_millis(250);
/// A bottle that finds a claim when it looks takes its withdrawal away again: of two at once the claim wins.
const TIE: Duration = Duration::from_millis(50);
/// A bottle may write anything; a request of ours is 1 MiB at most, and JSON may spell each byte with six.
const MAX_PROPOSAL_BYTES: u64 = 8 << 20;
/// What one look takes in; the next goes on.
const MAX_TAKEN_BYTES: usize = 64 << 20;

/// An open queue of files, as its host sees it.
#[derive(Debug)]
pub(crate) struct HostFiles {
    slug: Slug,
    inbox: Arc<Folder>,
    outbox: Arc<Folder>,
}

/// What the bottle says of its proposals, by the names of its files alone.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) proposals: BTreeSet<Uuid>,
    pub(super) joined: BTreeMap<Uuid, u64>,
    pub(super) timed_out: BTreeSet<Uuid>,
    pub(super) delivered: BTreeSet<Uuid>,
    pub(super) withdrawn: BTreeSet<Uuid>,
}

impl HostFiles {
    pub(crate) fn open(queue_dir: &Path, slug: &Slug) -> Result<HostFiles, StoreError> {
        Ok(HostFiles {
            slug: slug.clone(),
            inbox: Arc::new(open(queue_dir, IN)?),
            outbox: Arc::new(open(queue_dir, OUT)?),
        })
    }

    pub(crate) fn watched(&self) -> &Path {
        self.inbox.path()
    }

    pub(crate) fn poll_every(&self) -> Duration {
        POLL
    }

    /// What of the host's is told. An answer that is there already is the one that counts.
    pub(crate) async fn publish(&mut self, notes: Vec<Note>) -> Result<(), StoreError> {
        blocking(&self.outbox, move |folder| publish(folder, &notes)).await
    }

    /// First the own file, then a look for the bottle's.
    pub(crate) async fn claim(&mut self, id: Uuid) -> Result<Claiming, StoreError> {
        let claim = Name::new(id, Kind::Claim);
        blocking(&self.outbox, move |folder| folder.mark(claim)).await?;
        let given_up = Instant::now() + TIE;
        while self.is_withdrawn(id).await? {
            if Instant::now() >= given_up {
                blocking(&self.outbox, move |folder| folder.remove(claim)).await?;
                return Ok(Claiming::Withdrawn);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Claiming::Claimed)
    }

    async fn is_withdrawn(&self, id: Uuid) -> Result<bool, StoreError> {
        let withdrawn = Name::new(id, Kind::Withdrawn);
        blocking(&self.inbox, move |folder| folder.has(withdrawn)).await
    }

    pub(crate) async fn release_others(&mut self, kept: &[Uuid]) -> Result<(), StoreError> {
        let kept: HashSet<Uuid> = kept.iter().copied().collect();
        blocking(&self.outbox, move |folder| {
            let names = folder.names()?.into_iter();
            let stray = names.filter(|name| name.kind == Kind::Claim && !kept.contains(&name.id));
            stray.into_iter().try_for_each(|name| folder.remove(name))
        })
        .await
    }

    pub(super) async fn told(&self) -> Result<Told, StoreError> {
        let names = blocking(&self.inbox, Folder::names).await?;
        let mut told = Told::default();
        for Name { id, kind } in names {
            match kind {
                Kind::Proposal => {
                    told.proposals.insert(id);
                }
                Kind::Joined(count) => {
                    let most = told.joined.entry(id).or_default();
                    *most = count.max(*most);
                }
                Kind::TimedOut => {
                    told.timed_out.insert(id);
                }
                Kind::Delivered => {
                    told.delivered.insert(id);
                }
                Kind::Withdrawn => {
                    told.withdrawn.insert(id);
                }
                Kind::Claim | Kind::Response | Kind::Reopened | Kind::Ended => {}
            }
        }
        Ok(told)
    }

    /// Reads proposals, as many as fit. What isn't one is left where it is.
    pub(super) async fn proposals(&self, ids: Vec<Uuid>) -> Result<Vec<Proposal>, StoreError> {
        let slug = self.slug.clone();
        blocking(&self.inbox, move |folder| {
            let (mut read, mut bytes) = (Vec::new(), 0);
            for id in ids {
                let Some(text) = folder.read(Name::new(id, Kind::Proposal), MAX_PROPOSAL_BYTES)? else {
                    continue;
                };
                bytes += text.len();
                match note::read_proposal(&text, id, &slug) {
                    Ok(proposal) => read.push(proposal),
                    Err(why) => tracing::debug!(%id, why = %SafeLine::new(&why), "a file is no proposal"),
                }
                if bytes > MAX_TAKEN_BYTES {
                    break;
                }
            }
            Ok(read)
        })
        .await
    }

    /// What of the host's lies in `out`.
    pub(super) async fn own(&self) -> Result<HashSet<Name>, StoreError> {
        let names = blocking(&self.outbox, Folder::names).await?;
        Ok(names.into_iter().collect())
    }

    /// Writes what is missing and removes what nobody needs any more.
    pub(super) async fn tidy(
        &self,
        answers: Vec<Given>,
        ended: Vec<Uuid>,
        unneeded: Vec<Name>,
    ) -> Result<(), StoreError> {
        if answers.is_empty() && ended.is_empty() && unneeded.is_empty() {
            return Ok(());
        }
        blocking(&self.outbox, move |folder| {
            let answered = answers.into_iter().map(|given| Note::Answered(Box::new(given)));
            publish(folder, &answered.collect::<Vec<_>>())?;
            for id in ended {
                folder.mark(Name::new(id, Kind::Ended))?;
            }
            unneeded.into_iter().try_for_each(|name| folder.remove(name))
        })
        .await
    }
}

/// A bottle whose queue was never made is a bottle that is missing; half of one is something wrong.
fn open(queue_dir: &Path, name: &str) -> Result<Folder, StoreError> {
    match Folder::open_own(&queue_dir.join(name)) {
        Err(StoreError::Missing { path }) if queue_dir.exists() => Err(StoreError::refused(
            &path,
            "it is missing; `supervise prepare` makes it again",
        )),
        other => other,
    }
}

fn publish(folder: &Folder, notes: &[Note]) -> Result<(), StoreError> {
    let mut lasting = false;
    for note in notes {
        match note {
            Note::Answered(given) => {
                answer(folder, given)?;
                lasting = true;
            }
            Note::Reopened(id) => {
                folder.mark(Name::new(*id, Kind::Reopened))?;
                lasting = true;
            }
            Note::Claimed(_) => {}
            Note::Released(_) => {}
            // The bottle's to tell; what the host asks itself lies in its own database.
            Note::Proposed(_)
            | Note::Joined { .. }
            | Note::TimedOut(_)
            | Note::Delivered(_)
            | Note::Withdrawn(_) => {}
        }
    }
    if lasting {
        folder.sync()?;
    }
    // A claim ends behind the answer, so that the bottle never sees neither.
    for note in notes {
        if let Note::Released(id) = note {
            folder.remove(Name::new(*id, Kind::Claim))?;
        }
        if let Note::Answered(given) = note
            && let Some(id) = parse_id(&given.answer.response.proposal_id)
        {
            folder.remove(Name::new(id, Kind::Claim))?;
        }
    }
    Ok(())
}

/// The first answer stands: finding the same one is a crash's second try, finding another is an error.
fn answer(folder: &Folder, given: &Given) -> Result<(), StoreError> {
    let id = parse_id(&given.answer.response.proposal_id).ok_or(StoreError::Altered("the response's id"))?;
    let name = Name::new(id, Kind::Response);
    let bytes = note::write_answer(given);
    if folder.write(name, &bytes)? == Wrote::New {
        return Ok(());
    }
    let there = folder.read(name, u64::MAX)?.unwrap_or_default();
    let same = note::read_answer(&there, id).is_ok_and(|there| there.answer == given.answer);
    if same {
        Ok(())
    } else {
        Err(StoreError::Denied("another answer lies there already".to_owned()))
    }
}
