//! One inbox over all bottles: every queue read at once, none able to hold up or hide the others.

use std::time::Duration;

use supervise_core::{Digest, Proposal, SafeLine, Slug};
use supervise_store::{Bottle, Listed, Page, Place, Queue, StoreError, bottles};

use crate::error::CliError;
use crate::fleet;
use crate::session::Session;
use crate::ui::{Line, line};
use crate::visit::{VisitError, visit_all, within};

/// What a bottle that can't be read may cost the others.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// A pending proposal, read once; its digest is what decisions are bound to.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) slug: Slug,
    pub(crate) proposal: Proposal,
    pub(crate) digest: Digest,
    pub(crate) joined: u64,
    pub(crate) timed_out: bool,
}

impl Item {
    pub(crate) fn new(slug: &Slug, listed: Listed) -> Self {
        Item {
            slug: slug.clone(),
            digest: listed.proposal.digest(),
            proposal: listed.proposal,
            joined: listed.joined,
            timed_out: listed.timed_out,
        }
    }
}

/// What all bottles ask for.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Oldest first.
    pub(crate) items: Vec<Item>,
    /// A line for each bottle that can't be read.
    pub(crate) troubles: Vec<Line>,
    /// What the operator should know about bottles that can.
    pub(crate) notices: Vec<Line>,
    /// Bottles in which a decision is under way or was interrupted.
    pub(crate) claimed: Vec<Place>,
}

/// The bottles in scope, and a line for each thing under the root that can't be one. A bottle that was named
/// must be there.
pub(crate) fn places(session: &Session<'_>) -> Result<(Vec<Place>, Vec<Line>), CliError> {
    let found = places_now(session)?;
    require_named(session)?;
    Ok(found)
}

/// The same, where a bottle may have gone since it was named.
pub(crate) fn places_now(session: &Session<'_>) -> Result<(Vec<Place>, Vec<Line>), CliError> {
    let queues = session.queues()?;
    let mut found = Vec::new();
    let mut troubles = Vec::new();
    for bottle in bottles(&session.root)? {
        match bottle {
            Bottle::Queue(slug, _) if in_scope(session, slug.as_str()) => {
                found.push(queues.place(&session.root, &slug));
            }
            Bottle::Unusable { name, why } if in_scope(session, &name) => {
                troubles.push(line![SafeLine::new(&name), ": ", SafeLine::new(&why)]);
            }
            Bottle::Queue(..) | Bottle::Unusable { .. } => {}
        }
    }
    Ok((found, troubles))
}

pub(crate) fn in_scope(session: &Session<'_>, name: &str) -> bool {
    session.scope.is_empty() || session.scope.iter().any(|slug| slug.as_str() == name)
}

/// A bottle that was named must be there, even if it has asked for nothing yet.
pub(crate) fn require_named(session: &Session<'_>) -> Result<(), CliError> {
    for slug in &session.scope {
        let dir = session.root.queue_dir(slug);
        // What a fleet has, its database knows.
        let in_fleet = session.queues()?.fleet.is_some();
        if !in_fleet && dir.symlink_metadata().is_err() {
            let error = StoreError::Missing { path: dir };
            return Err(CliError::from(error).hint(line!["make it with `supervise prepare ", slug, "`"]));
        }
    }
    Ok(())
}

/// Reads every bottle in scope.
pub(crate) async fn read(session: &Session<'_>) -> Result<Inbox, CliError> {
    let (places, troubles) = places(session)?;
    let mut inbox = Inbox {
        troubles,
        ..Inbox::default()
    };
    let read = |place: Place| async move {
        let page = page(&place).await;
        (place, page)
    };
    for (place, page) in visit_all(places, read).await? {
        inbox.add(place, page);
    }
    match fleet::pages(session).await {
        Ok(pages) => pages
            .into_iter()
            .for_each(|(place, page)| inbox.add(place, Ok(page))),
        Err(trouble) => inbox.troubles.push(trouble),
    }
    inbox.sort();
    Ok(inbox)
}

/// Reads one bottle, as [`read`] does all.
pub(crate) async fn page(place: &Place) -> Result<Page, VisitError> {
    within(PATIENCE, Queue::page_at(place)).await
}

impl Inbox {
    fn add(&mut self, place: Place, page: Result<Page, VisitError>) {
        match page {
            Ok(page) => self.add_page(place, page),
            Err(error) if error.is_gone() => {}
            Err(error) => self
                .troubles
                .push(line![place.slug, ": ", SafeLine::new(&error.to_string())]),
        }
    }

    fn add_page(&mut self, place: Place, page: Page) {
        let slug = &place.slug;
        let more = page.total.saturating_sub(page.proposals.len() as u64);
        if more > 0 {
            self.notices.push(line![
                slug,
                ": ",
                more,
                " more proposals are pending than are listed"
            ]);
        }
        if let Some(first) = page.hidden.first() {
            let what = if page.hidden.len() == 1 {
                " row is"
            } else {
                " rows are"
            };
            self.notices.push(
                line![
                    slug,
                    ": ",
                    page.hidden.len(),
                    what,
                    " never listed; the first is row ",
                    first.row
                ]
                .and(": ")
                .and(SafeLine::new(&first.reason)),
            );
        }
        self.items
            .extend(page.proposals.into_iter().map(|listed| Item::new(slug, listed)));
        if page.claimed {
            self.claimed.push(place);
        }
    }

    fn sort(&mut self) {
        let age = |item: &Item| (item.proposal.arrival_timestamp.clone(), item.proposal.id.clone());
        self.items.sort_by_cached_key(age);
        self.troubles.sort_by_cached_key(Line::plain);
        self.notices.sort_by_cached_key(Line::plain);
    }

    /// Replaces what was read of one bottle by what is there now.
    pub(crate) fn replace(&mut self, place: Place, page: Result<Page, VisitError>) {
        self.items.retain(|item| item.slug != place.slug);
        self.claimed.retain(|claimed| claimed.slug != place.slug);
        let notices = std::mem::take(&mut self.notices);
        self.add(place, page);
        self.notices = notices;
        self.sort();
    }
}
