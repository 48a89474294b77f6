//! What a run keeps open while it looks for proposals and decides: queues to read, queues to write, the host.

use std::collections::BTreeMap;
use std::time::Duration;

use supervise_core::{Digest, SafeLine, Slug};
use supervise_store::{Found, Host, Place, Queue, State, StoreError};

use crate::error::{CliError, Kind};
use crate::fleet;
use crate::id::IdArgument;
use crate::inbox::{Item, PATIENCE, places};
use crate::session::Session;
use crate::ui::{Line, line};
use crate::visit::{VisitError, visit_all, within};

/// Longer than a busy queue needs: whoever names a bottle, or what can only be in this one, can wait a little.
const NAMED_PATIENCE: Duration = Duration::from_secs(2);

/// The open files of one run. Queues are opened to read until something in them is decided.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) session: &'a Session<'a>,
    readers: Vec<Queue>,
    writers: BTreeMap<Slug, Queue>,
    host: Option<Host>,
    /// What this run made of live files, as digests: before, and after.
    steps: Vec<(Digest, Digest)>,
    /// Bottles that gave no answer in time: what isn't found elsewhere may be in one of them.
    late: Vec<Late>,
    /// What kept a bottle from being looked into, so that "not there" isn't claimed of it.
    unread: Vec<Line>,
}

/// A bottle that gave no answer in time, and why as far as that isn't said yet.
#[derive(Debug)]
struct Late {
    place: Place,
    untold: Option<VisitError>,
}

/// A proposal that was named, and where it is in its life.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) item: Item,
    pub(crate) state: State,
}

impl<'a> Desk<'a> {
    /// A desk to decide about what was found already.
    pub(crate) fn new(session: &'a Session<'a>) -> Desk<'a> {
        Desk {
            session,
            readers: Vec::new(),
            writers: BTreeMap::new(),
            host: None,
            steps: Vec::new(),
            late: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Opens every bottle in scope to read, all at once. One that can't be is said and left out.
    pub(crate) async fn open(session: &'a Session<'a>) -> Result<Desk<'a>, CliError> {
        let (places, troubles) = places(session)?;
        let mut desk = Desk::new(session);
        for trouble in troubles {
            desk.leave_out(trouble);
        }
        let patience = patience(session);
        for (place, opened) in visit_all(places, |place| open_reader(place, patience)).await? {
            match opened {
                Ok(queue) => desk.readers.push(queue),
                Err(error) => desk.put_off(place, error),
            }
        }
        Ok(desk)
    }

    /// Keeps a bottle that was only late for another look.
    fn put_off(&mut self, place: Place, error: VisitError) {
        match error {
            error if error.is_gone() => {}
            VisitError::Late(_) | VisitError::Store(StoreError::Busy) => self.late.push(Late {
                place,
                untold: Some(error),
            }),
            error => self.leave_out(line![&place.slug, ": ", SafeLine::new(&error.to_string())]),
        }
    }

    fn leave_out(&mut self, trouble: Line) {
        self.session.ui.warn(trouble.clone());
        self.unread.push(trouble);
    }

    /// The one proposal that `id` names, in whatever state it is.
    pub(crate) async fn find(&mut self, id: &IdArgument) -> Result<Target, CliError> {
        let (patience, prefix) = (patience(self.session), &id.prefix);
        let look = |queue: Queue| {
            let prefix = prefix.clone();
            async move {
                let found = within(patience, queue.proposal_find(&prefix)).await;
                (queue, found)
            }
        };
        let looked = visit_all(std::mem::take(&mut self.readers), look).await?;
        let mut matches = self.take_in(looked);
        if matches.is_empty() && !self.late.is_empty() {
            matches = self.look_longer(prefix).await?;
        }
        matches.extend(self.find_in_fleet(prefix).await);
        self.tell_of_late();
        matches.sort_by(|a, b| a.item.slug.cmp(&b.item.slug));
        match matches.len() {
            1 => matches.pop().ok_or_else(|| self.not_found(id)),
            0 => Err(self.not_found(id)),
            _ => Err(ambiguous(id, &matches)),
        }
    }

    fn take_in(&mut self, looked: Vec<(Queue, Result<Vec<Found>, VisitError>)>) -> Vec<Target> {
        let mut matches = Vec::new();
        for (queue, found) in looked {
            match found {
                Ok(found) => {
                    matches.extend(found.into_iter().map(|found| target(queue.slug(), found)));
                    self.readers.push(queue);
                }
                Err(error) => {
                    // It was a place a moment ago.
                    if let Ok(place) = self.session.place(queue.slug()) {
                        self.put_off(place, error);
                    }
                }
            }
        }
        matches
    }

    /// What was named is in none of the others, so those that were late get as long as if they had been named. One
    /// that stays silent isn't asked again: a run with many ids must not wait for it many times.
    async fn look_longer(&mut self, prefix: &str) -> Result<Vec<Target>, CliError> {
        let late = std::mem::take(&mut self.late);
        let look = |late: Late| {
            let prefix = prefix.to_owned();
            async move {
                let (place, opened) = open_reader(late.place, NAMED_PATIENCE).await;
                let looked = match opened {
                    Ok(queue) => within(NAMED_PATIENCE, queue.proposal_find(&prefix))
                        .await
                        .map(|found| (queue, Ok(found))),
                    Err(error) => Err(error),
                };
                (place, looked)
            }
        };
        let mut answered = Vec::new();
        for (place, looked) in visit_all(late, look).await? {
            match looked {
                Ok(looked) => answered.push(looked),
                Err(error) => self.leave_out(line![&place.slug, ": ", SafeLine::new(&error.to_string())]),
            }
        }
        Ok(self.take_in(answered))
    }

    /// A bottle that hides nothing of what was named is said all the same, once.
    fn tell_of_late(&mut self) {
        let told = |late: &mut Late| {
            let error = late.untold.take()?;
            Some(line![&late.place.slug, ": ", SafeLine::new(&error.to_string())])
        };
        let told: Vec<Line> = self.late.iter_mut().filter_map(told).collect();
        told.into_iter().for_each(|trouble| self.leave_out(trouble));
    }

    /// The same in the fleet, whose database is asked first which bottles it is about.
    async fn find_in_fleet(&mut self, prefix: &str) -> Vec<Target> {
        let places = match fleet::places_with(self.session, prefix).await {
            Ok(places) => places,
            Err(trouble) => {
                self.leave_out(trouble);
                return Vec::new();
            }
        };
        let mut matches = Vec::new();
        for place in places {
            let found = within(NAMED_PATIENCE, async {
                Queue::read_at(&place).await?.proposal_find(prefix).await
            });
            match found.await {
                Ok(found) => matches.extend(found.into_iter().map(|found| target(&place.slug, found))),
                Err(error) => self.leave_out(line![place.slug, ": ", SafeLine::new(&error.to_string())]),
            }
        }
        matches
    }

    fn not_found(&self, id: &IdArgument) -> CliError {
        let id = SafeLine::new(&id.prefix);
        if self.unread.is_empty() {
            let error = CliError::new(Kind::Missing, line!["no proposal has the id ", id]);
            return error.hint("`supervise list` shows what is pending");
        }
        CliError::failed(line![
            "no proposal has the id ",
            id,
            " in the bottles that can be read"
        ])
        .hint("name the bottle with --bottle SLUG")
    }

    /// A bottle's queue, open to write.
    pub(crate) async fn writer(&mut self, slug: &Slug) -> Result<Queue, StoreError> {
        if let Some(queue) = self.writers.get(slug) {
            return Ok(queue.clone());
        }
        let queue = Queue::open_at(&self.session.place(slug)?).await?;
        if let Some(warning) = queue.mount_warning() {
            self.session.ui.warn(line![slug, ": ", SafeLine::new(&warning)]);
        }
        self.writers.insert(slug.clone(), queue.clone());
        Ok(queue)
    }

    /// Remembers what a decision of this run made of a live file.
    pub(crate) fn note_step(&mut self, step: Option<(Digest, Digest)>) {
        self.steps.extend(step);
    }

    /// Whether a file that was `shown` is `now` what this run alone made of it. Steps are in their order.
    pub(crate) fn leads_to(&self, shown: Digest, now: Digest) -> bool {
        let follow = |at, (before, after): &(Digest, Digest)| if at == *before { *after } else { at };
        shown == now || self.steps.iter().fold(shown, follow) == now
    }

    /// The host's database, made when missing.
    pub(crate) async fn host(&mut self) -> Result<Host, StoreError> {
        if let Some(host) = &self.host {
            return Ok(host.clone());
        }
        let host = Host::create(&self.session.root).await?;
        Ok(self.host.insert(host).clone())
    }
}

/// A bottle that nobody named costs no more than in a list.
fn patience(session: &Session<'_>) -> Duration {
    match session.scope.as_slice() {
        [] => PATIENCE,
        _ => NAMED_PATIENCE,
    }
}

async fn open_reader(place: Place, patience: Duration) -> (Place, Result<Queue, VisitError>) {
    let opened = within(patience, Queue::read_at(&place)).await;
    (place, opened)
}

fn target(slug: &Slug, found: Found) -> Target {
    Target {
        item: Item::new(slug, found.listed),
        state: found.state,
    }
}

fn ambiguous(id: &IdArgument, matches: &[Target]) -> CliError {
    let mut message = line!["the id ", SafeLine::new(&id.prefix), " is not unique:"];
    for found in matches {
        message = message
            .and(" ")
            .and(SafeLine::new(&found.item.proposal.id))
            .and(" in ")
            .and(&found.item.slug)
            .and(",");
    }
    let two_bottles = matches
        .windows(2)
        .any(|pair| pair[0].item.proposal.id == pair[1].item.proposal.id);
    let hint = if two_bottles {
        "one id in two bottles is never decided without --bottle SLUG"
    } else {
        "give more of the id"
    };
    CliError::usage(message.and(" so nothing was done")).hint(hint)
}
