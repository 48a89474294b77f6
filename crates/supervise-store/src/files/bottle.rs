//! The bottle's side: it writes `in`, reads `out`, and keeps its tables in memory.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use supervise_core::{SafeLine, Slug};
use uuid::Uuid;

use super::folder::{self, Folder, Wrote, blocking};
use super::name::{IN, Kind, Name, OUT};
use super::note;
use crate::error::StoreError;
use crate::line::{Note, Withdrawing};
use crate::mount::Mount;

/// On a mount where hints may not come, a decision is noticed this late at most.
const POLL_WITHOUT_HINTS: Duration = Duration::from_millis(20);
const POLL: Duration = Duration::from_millis(250);
/// What the host writes is trusted; this is more than the longest texts come to in JSON.
const MAX_RESPONSE_BYTES: u64 = 64 << 20;
const MAX_PROPOSAL_BYTES: u64 = 64 << 20;
/// So many ended proposals are kept for whoever asks again; the oldest go first.
const ENDED_KEPT: usize = 256;

/// An open queue of files, as its bottle sees it.
#[derive(Debug)]
pub(crate) struct BottleFiles {
    slug: Slug,
    inbox: Arc<Folder>,
    outbox: Arc<Folder>,
    /// What of `out` was told.
    told: HashSet<Name>,
    /// Responses that can't be read, and were complained of.
    unreadable: HashSet<Name>,
    claims: HashSet<Uuid>,
    poll_every: Duration,
}

impl BottleFiles {
    pub(crate) fn open(queue_dir: &Path, slug: &Slug) -> Result<BottleFiles, StoreError> {
        if !queue_dir.join(IN).exists() {
            folder::create(queue_dir)?;
        }
        let inbox = Folder::open(&queue_dir.join(IN))?;
        let outbox = Folder::open(&queue_dir.join(OUT))?;
        inbox.remove_unfinished()?;
        let poll_every = if Mount::of(outbox.path()).is_local() {
            POLL
        } else {
            POLL_WITHOUT_HINTS
        };
        Ok(BottleFiles {
            slug: slug.clone(),
            inbox: Arc::new(inbox),
            outbox: Arc::new(outbox),
            told: HashSet::new(),
            unreadable: HashSet::new(),
            claims: HashSet::new(),
            poll_every,
        })
    }

    pub(crate) fn slug(&self) -> &Slug {
        &self.slug
    }

    pub(crate) fn queue_dir(&self) -> &Path {
        self.outbox.path().parent().unwrap_or(Path::new("/"))
    }

    pub(crate) fn watched(&self) -> &Path {
        self.outbox.path()
    }

    pub(crate) fn poll_every(&self) -> Duration {
        self.poll_every
    }

    /// Whether both directories are still those at their paths.
    pub(crate) async fn is_in_place(&self) -> Result<bool, StoreError> {
        Ok(blocking(&self.inbox, Folder::is_in_place).await?
            && blocking(&self.outbox, Folder::is_in_place).await?)
    }

    /// Everything that both sides have told, in an order in which it can be noted.
    pub(crate) async fn load(&mut self) -> Result<Vec<Note>, StoreError> {
        let slug = self.slug.clone();
        let own = blocking(&self.inbox, move |folder| own_notes(folder, &slug)).await?;
        let (asked, ended): (Vec<Note>, Vec<Note>) = own
            .into_iter()
            .partition(|note| !matches!(note, Note::Delivered(_) | Note::Withdrawn(_)));
        let mut notes = asked;
        notes.extend(self.news(None).await?);
        notes.extend(ended);
        Ok(notes)
    }

    /// What the host has told since the last time. `heard`: the only names that can have come or gone; without it
    /// all are looked through.
    pub(crate) async fn news(&mut self, heard: Option<Vec<String>>) -> Result<Vec<Note>, StoreError> {
        let told = std::mem::take(&mut self.told);
        let heard = heard.map(|names| {
            let names = names.iter().filter_map(|name| Name::read(name)).collect();
            (names, self.claims.clone())
        });
        let read = blocking(&self.outbox, move |folder| Ok(read_new(folder, told, heard))).await?;
        self.told = read.told;
        self.complain(read.unreadable);
        let mut notes = read.notes?;
        for id in self.claims.difference(&read.claims) {
            notes.push(Note::Released(*id));
        }
        // Told again each time: what can't be noted yet, for its proposal has an answer, is no harm.
        notes.extend(read.claims.difference(&self.claims).map(|id| Note::Claimed(*id)));
        self.claims = read.claims;
        Ok(notes)
    }

    fn complain(&mut self, unreadable: Vec<(Name, String)>) {
        for (name, why) in unreadable {
            if self.unreadable.insert(name) {
                tracing::warn!(id = %name.id, why = %SafeLine::new(&why), "a response can't be read; trying again");
            }
        }
    }

    /// What was told is told again: noting it has failed.
    pub(crate) fn forget(&mut self) {
        self.told.clear();
        self.claims.clear();
    }

    pub(crate) async fn publish(&mut self, notes: Vec<Note>) -> Result<(), StoreError> {
        blocking(&self.inbox, move |folder| publish(folder, &notes)).await
    }

    /// First the own file, then a look for the host's.
    pub(crate) async fn withdraw(&mut self, id: Uuid) -> Result<Withdrawing, StoreError> {
        let mark = Name::new(id, Kind::Withdrawn);
        blocking(&self.inbox, move |folder| {
            folder.mark(mark)?;
            folder.sync()
        })
        .await?;
        let found = blocking(&self.outbox, move |folder| {
            let has = |kind| folder.has(Name::new(id, kind));
            Ok(match (has(Kind::Response)?, has(Kind::Claim)?) {
                (true, _) => Withdrawing::Decided,
                (false, true) => Withdrawing::BeingDecided,
                (false, false) => Withdrawing::Withdrawn,
            })
        })
        .await?;
        if found != Withdrawing::Withdrawn {
            blocking(&self.inbox, move |folder| folder.remove(mark)).await?;
        }
        Ok(found)
    }

    /// Deletes the oldest of the proposals whose end the host has noted, down to a number that is kept. Says which.
    pub(crate) async fn sweep(&mut self) -> Result<Vec<Uuid>, StoreError> {
        let ended: Vec<Uuid> = (self.told.iter())
            .filter(|name| name.kind == Kind::Ended)
            .map(|name| name.id)
            .collect();
        if ended.len() < 2 * ENDED_KEPT {
            return Ok(Vec::new());
        }
        let swept = blocking(&self.inbox, move |folder| sweep(folder, &ended)).await?;
        self.told.retain(|name| !swept.contains(&name.id));
        Ok(swept)
    }
}

/// What was read of `out`.
struct Read {
    told: HashSet<Name>,
    claims: HashSet<Uuid>,
    unreadable: Vec<(Name, String)>,
    notes: Result<Vec<Note>, StoreError>,
}

fn read_new(folder: &Folder, mut told: HashSet<Name>, heard: Option<(Vec<Name>, HashSet<Uuid>)>) -> Read {
    let (heard, mut claims) = heard.map_or((None, HashSet::new()), |(names, claims)| (Some(names), claims));
    let mut unreadable = Vec::new();
    let is_whole = heard.is_none();
    let notes = heard.map_or_else(|| folder.names(), Ok).and_then(|names| {
        for name in names.iter().filter(|name| name.kind == Kind::Claim) {
            if is_whole || folder.has(*name)? {
                claims.insert(name.id);
            } else {
                claims.remove(&name.id);
            }
        }
        let mut fresh: Vec<Name> = (names.into_iter())
            .filter(|name| name.kind != Kind::Claim && !told.contains(name))
            .collect();
        fresh.sort_by_key(|name| name.kind);
        let mut notes = Vec::new();
        for name in fresh {
            match read_note(folder, name)? {
                Looked::Note(note) => {
                    told.insert(name);
                    notes.extend(note);
                }
                Looked::Later => {}
                Looked::Unreadable(why) => unreadable.push((name, why)),
            }
        }
        notes.sort_by_key(refused_at);
        Ok(notes)
    });
    Read {
        told,
        claims,
        unreadable,
        notes,
    }
}

/// Of two rejections of the same the later one counts; what has no such time comes first.
fn refused_at(note: &Note) -> Option<String> {
    match note {
        Note::Answered(given) => given.refused.as_ref().map(|(at, _)| at.clone()),
        Note::Reopened(_) => Some(String::from("~")),
        _ => None,
    }
}

/// What one file of `out` says.
enum Looked {
    Note(Option<Note>),
    /// There is nothing to read now.
    Later,
    /// It counts as none until it can be read: another hand may have put it there in pieces.
    Unreadable(String),
}

fn read_note(folder: &Folder, name: Name) -> Result<Looked, StoreError> {
    Ok(match name.kind {
        Kind::Response => match folder.read(name, MAX_RESPONSE_BYTES)? {
            None => Looked::Later,
            Some(bytes) => match note::read_answer(&bytes, name.id) {
                Ok(given) => Looked::Note(Some(Note::Answered(Box::new(given)))),
                Err(why) => Looked::Unreadable(why),
            },
        },
        Kind::Reopened => Looked::Note(Some(Note::Reopened(name.id))),
        // Where no answer came before it, the end is a withdrawal that the host had noted.
        Kind::Ended => Looked::Note(Some(Note::Withdrawn(name.id))),
        _ => Looked::Note(None),
    })
}

fn own_notes(folder: &Folder, slug: &Slug) -> Result<Vec<Note>, StoreError> {
    let mut names = folder.names()?;
    names.sort_by_key(|name| name.kind);
    let mut notes = Vec::new();
    for name in names {
        let id = name.id;
        match name.kind {
            Kind::Proposal => match folder
                .read(name, MAX_PROPOSAL_BYTES)?
                .map(|bytes| note::read_proposal(&bytes, id, slug))
            {
                Some(Ok(proposal)) => notes.push(Note::Proposed(proposal)),
                Some(Err(why)) => {
                    tracing::warn!(%id, why = %SafeLine::new(&why), "a proposal can't be read");
                }
                None => {}
            },
            Kind::Joined(count) => notes.push(Note::Joined { id, count }),
            Kind::TimedOut => notes.push(Note::TimedOut(id)),
            Kind::Delivered => notes.push(Note::Delivered(id)),
            Kind::Withdrawn => notes.push(Note::Withdrawn(id)),
            Kind::Claim | Kind::Response | Kind::Reopened | Kind::Ended => {}
        }
    }
    Ok(notes)
}

/// All or nothing: what was written before an error is removed again.
fn publish(folder: &Folder, notes: &[Note]) -> Result<(), StoreError> {
    let mut written = Vec::new();
    let done = write_all(folder, notes, &mut written).and_then(|()| {
        let lasts = |note: &Note| matches!(note, Note::Proposed(_) | Note::Delivered(_));
        if notes.iter().any(lasts) {
            folder.sync()
        } else {
            Ok(())
        }
    });
    if done.is_err() {
        for name in written {
            let _ = folder.remove(name);
        }
    }
    done
}

fn write_all(folder: &Folder, notes: &[Note], written: &mut Vec<Name>) -> Result<(), StoreError> {
    for note in notes {
        let (name, wrote) = match note {
            Note::Proposed(proposal) => {
                let id =
                    crate::row::parse_id(&proposal.id).ok_or(StoreError::Altered("the proposal's id"))?;
                let name = Name::new(id, Kind::Proposal);
                (name, folder.write(name, &note::write_proposal(proposal))?)
            }
            Note::Joined { id, count } => {
                let name = Name::new(*id, Kind::Joined(*count));
                let wrote = folder.mark(name)?;
                folder.remove(Name::new(*id, Kind::Joined(count.saturating_sub(1))))?;
                (name, wrote)
            }
            Note::TimedOut(id) => marked(folder, *id, Kind::TimedOut)?,
            Note::Delivered(id) => marked(folder, *id, Kind::Delivered)?,
            Note::Withdrawn(id) => marked(folder, *id, Kind::Withdrawn)?,
            // The host's to tell.
            Note::Claimed(_) | Note::Released(_) | Note::Answered(_) | Note::Reopened(_) => continue,
        };
        if wrote == Wrote::New {
            written.push(name);
        }
    }
    Ok(())
}

fn marked(folder: &Folder, id: Uuid, kind: Kind) -> Result<(Name, Wrote), StoreError> {
    let name = Name::new(id, kind);
    Ok((name, folder.mark(name)?))
}

/// The proposal goes last: what is left by a crash is swept by the next.
fn sweep(folder: &Folder, ended: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    let mut files: HashMap<Uuid, Vec<Name>> = HashMap::new();
    for name in folder.names()? {
        files.entry(name.id).or_default().push(name);
    }
    let mut oldest: Vec<(std::time::SystemTime, Uuid)> = Vec::new();
    for id in ended {
        oldest.push((folder.modified_at(Name::new(*id, Kind::Proposal)), *id));
    }
    oldest.sort();
    oldest.truncate(oldest.len().saturating_sub(ENDED_KEPT));
    for (_, id) in &oldest {
        let mut names = files.remove(id).unwrap_or_default();
        names.sort_by_key(|name| name.kind == Kind::Proposal);
        for name in names {
            folder.remove(name)?;
        }
    }
    Ok(oldest.into_iter().map(|(_, id)| id).collect())
}
