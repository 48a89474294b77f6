//! Two looks at the bottles, and what happened between them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use supervise_core::{SafeLine, Slug, Status};
use supervise_store::{Place, Queue, State};

use crate::error::CliError;
use crate::fleet;
use crate::inbox::{self, Item};
use crate::session::Session;
use crate::ui::{Line, line};
use crate::visit::{VisitError, visit_all, within};

const PATIENCE: Duration = Duration::from_millis(250);

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Change {
    Appeared(Slug),
    Gone(Slug),
    Arrived(Item),
    Joined(Item),
    /// Without a status: answered in a form that can't be read.
    Decided(Item, Option<Status>),
    Withdrawn(Item),
    /// Everybody who waited for it was told that nobody decided in time. It can still be decided.
    TimedOut(Item),
}

impl Change {
    pub(crate) fn slug(&self) -> &Slug {
        match self {
            Change::Appeared(slug) | Change::Gone(slug) => slug,
            Change::Arrived(item) | Change::Joined(item) | Change::Withdrawn(item) => &item.slug,
            Change::Decided(item, _) | Change::TimedOut(item) => &item.slug,
        }
    }

    pub(crate) fn item(&self) -> Option<&Item> {
        match self {
            Change::Appeared(_) | Change::Gone(_) => None,
            Change::Arrived(item) | Change::Joined(item) | Change::Withdrawn(item) => Some(item),
            Change::Decided(item, _) | Change::TimedOut(item) => Some(item),
        }
    }

    pub(crate) fn status(&self) -> Option<Status> {
        match self {
            Change::Decided(_, status) => *status,
            _ => None,
        }
    }
}

/// What is pending in a bottle, oldest first. What was swapped under its id has another digest and arrives anew.
type Pending = BTreeMap<Key, Item>;
/// When it came, its id and its digest.
type Key = (String, String, String);

/// What was there when it was last looked at.
#[derive(Debug, Default)]
pub(crate) struct Look {
    bottles: BTreeMap<Slug, Pending>,
    told: HashSet<String>,
    troubles: Vec<Line>,
}

impl Look {
    /// The first look, which has nothing to be compared with. A bottle that was named must be there.
    pub(crate) async fn first(session: &Session<'_>) -> Result<Look, CliError> {
        inbox::places(session)?;
        let mut look = Look::default();
        look.bottles = look.read(session).await?;
        Ok(look)
    }

    pub(crate) fn summary(&self) -> Line {
        let pending: usize = self.bottles.values().map(BTreeMap::len).sum();
        line![
            "watching; ",
            self.bottles.len(),
            " bottles, ",
            pending,
            " pending; Ctrl-C ends"
        ]
    }

    /// What can't be read, each thing once.
    pub(crate) fn troubles(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.troubles)
    }

    /// Looks again and tells what happened since.
    pub(crate) async fn again(&mut self, session: &Session<'_>) -> Result<Vec<Change>, CliError> {
        let now = self.read(session).await?;
        let before = std::mem::replace(&mut self.bottles, now);
        let mut changes = Vec::new();
        for (slug, pending) in &self.bottles {
            let known = before.get(slug);
            if known.is_none() {
                changes.push(Change::Appeared(slug.clone()));
            }
            let news = |(key, item)| news(known.and_then(|known| known.get(key)), item);
            changes.extend(pending.iter().flat_map(news));
        }
        for (slug, known) in before {
            match self.bottles.get(&slug) {
                None => changes.push(Change::Gone(slug)),
                Some(pending) => {
                    let left = known.into_iter().filter(|(key, _)| !pending.contains_key(key));
                    changes.extend(ends(session, &slug, left.map(|(_, item)| item).collect()).await);
                }
            }
        }
        Ok(changes)
    }

    /// A bottle that can't be read just now is taken to be as it was.
    async fn read(&mut self, session: &Session<'_>) -> Result<BTreeMap<Slug, Pending>, CliError> {
        let (places, troubles) = inbox::places_now(session)?;
        troubles.into_iter().for_each(|trouble| self.note(trouble));
        let read = |place: Place| async move {
            let page = inbox::page(&place).await;
            (place.slug, page)
        };
        let mut bottles = BTreeMap::new();
        for (slug, page) in visit_all(places, read).await? {
            let pending = match page {
                Ok(page) => {
                    let items = page.proposals.into_iter().map(|listed| Item::new(&slug, listed));
                    items.map(|item| (key(&item), item)).collect()
                }
                Err(error) if error.is_gone() => continue,
                Err(error) => {
                    self.note(line![&slug, ": ", SafeLine::new(&error.to_string())]);
                    self.bottles.get(&slug).cloned().unwrap_or_default()
                }
            };
            bottles.insert(slug, pending);
        }
        self.read_fleet(session, &mut bottles).await;
        Ok(bottles)
    }

    async fn read_fleet(&mut self, session: &Session<'_>, bottles: &mut BTreeMap<Slug, Pending>) {
        match fleet::pages(session).await {
            Ok(pages) => bottles.extend(pages.into_iter().map(|(place, page)| {
                let items = page
                    .proposals
                    .into_iter()
                    .map(|listed| Item::new(&place.slug, listed));
                let pending = items.map(|item| (key(&item), item)).collect();
                (place.slug, pending)
            })),
            Err(trouble) => {
                self.note(trouble);
                let known = |slug: &&Slug| !session.root.queue_dir(slug).exists();
                let before: Vec<Slug> = self.bottles.keys().filter(known).cloned().collect();
                for slug in before {
                    if let Some(pending) = self.bottles.get(&slug) {
                        bottles.insert(slug, pending.clone());
                    }
                }
            }
        }
    }

    fn note(&mut self, trouble: Line) {
        if self.told.insert(trouble.plain()) {
            self.troubles.push(trouble);
        }
    }
}

fn key(item: &Item) -> Key {
    let proposal = &item.proposal;
    (
        proposal.arrival_timestamp.clone(),
        proposal.id.clone(),
        item.digest.to_string(),
    )
}

/// What happened to a proposal that is pending, seen from how it was before.
fn news(before: Option<&Item>, now: &Item) -> Vec<Change> {
    let mut news = Vec::new();
    match before {
        None => news.push(Change::Arrived(now.clone())),
        Some(before) if before.joined < now.joined => news.push(Change::Joined(now.clone())),
        Some(_) => {}
    }
    if now.timed_out && before.is_none_or(|before| !before.timed_out) {
        news.push(Change::TimedOut(now.clone()));
    }
    news
}

/// How proposals that are no longer pending came to their end.
async fn ends(session: &Session<'_>, slug: &Slug, left: Vec<Item>) -> Vec<Change> {
    if left.is_empty() {
        return Vec::new();
    }
    let Ok(place) = session.place(slug) else {
        return Vec::new();
    };
    let Ok(queue) = within(PATIENCE, Queue::read_at(&place)).await else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    for item in left {
        let found: Result<_, VisitError> = within(PATIENCE, queue.proposal_find(&item.proposal.id)).await;
        let state = found
            .ok()
            .and_then(|mut found| found.pop())
            .map(|found| found.state);
        changes.extend(match state {
            Some(State::Decided(answer)) => Some(Change::Decided(item, Some(answer.response.status))),
            Some(State::Unreadable) => Some(Change::Decided(item, None)),
            // A row that was deleted can't be decided any more either.
            Some(State::Withdrawn) | None => Some(Change::Withdrawn(item)),
            // It was swapped, and has arrived as what it is now.
            Some(State::Pending | State::BeingDecided) => None,
        });
    }
    changes
}
