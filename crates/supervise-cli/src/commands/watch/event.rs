//! An event as scripts and hooks read it, and as a line.

use serde::Serialize;
use supervise_core::{SafeLine, Status, Tool, now_timestamp};

use crate::id::reference;
use crate::inbox::Item;
use crate::look::Change;
use crate::notify::{host, subject};
use crate::render::list::what;
use crate::ui::{Line, Paint, line};

/// `23:23:57` of `2026-11-20T23:23:57.110789+00:00`.
const TIME: std::ops::Range<usize> = 11..19;
const NAME_COLUMNS: usize = 27;

/// Fields may be added, never changed. It is short whatever an agent wrote: hooks get it through a pipe.
#[derive(Debug, Serialize)]
pub(crate) struct Event<'a> {
    event: &'static str,
    at: String,
    bottle_slug: &'a str,
    /// Bottle, tool and host: fit for a notification.
    summary: String,
    #[serde(flatten)]
    about: Option<About<'a>>,
}

/// The proposal an event is about.
#[derive(Debug, Serialize)]
struct About<'a> {
    id: &'a str,
    tool: Tool,
    host: Option<String>,
    digest: String,
    joined: u64,
    /// Only when it was decided.
    status: Option<Status>,
}

impl<'a> Event<'a> {
    pub(crate) fn new(change: &'a Change) -> Event<'a> {
        let about = change.item().map(|item| About::new(item, change.status()));
        Event {
            event: name(change),
            at: now_timestamp(),
            bottle_slug: change.slug().as_str(),
            summary: summary(change),
            about,
        }
    }
}

impl<'a> About<'a> {
    fn new(item: &'a Item, status: Option<Status>) -> Self {
        let proposal = &item.proposal;
        About {
            id: &proposal.id,
            tool: proposal.tool,
            host: host(proposal),
            digest: item.digest.to_string(),
            joined: item.joined,
            status,
        }
    }
}

fn name(change: &Change) -> &'static str {
    match change {
        Change::Appeared(_) => "bottle-appeared",
        Change::Gone(_) => "bottle-gone",
        Change::Arrived(_) => "arrived",
        Change::Joined(_) => "joined",
        Change::Decided(..) => "decided",
        Change::Withdrawn(_) => "withdrawn",
        Change::TimedOut(_) => "timed-out",
    }
}

fn summary(change: &Change) -> String {
    let what = change.status().map_or(name(change), Status::name);
    let subject = change.item().map(|item| format!(", {}", subject(&item.proposal)));
    format!("{}: {what}{}", change.slug(), subject.unwrap_or_default())
}

/// The event for a person.
pub(crate) fn human(event: &Event<'_>, change: &Change) -> Line {
    let time = event.at.get(TIME).unwrap_or_default();
    let what_happened = match change.status() {
        Some(status) => line![status],
        None => line![event.event],
    };
    let head = Line::default()
        .paint(Paint::Dim, SafeLine::new(time))
        .and("  ")
        .join(what_happened.painted(paint(change)))
        .pad_to(NAME_COLUMNS)
        .paint(Paint::Bold, change.slug());
    match change.item() {
        Some(item) => head
            .and(" ")
            .paint(Paint::Cyan, reference(&item.proposal))
            .and(" ")
            .and(item.proposal.tool)
            .and(" ")
            .join(what(&item.proposal)),
        None => head,
    }
}

fn paint(change: &Change) -> Paint {
    match change {
        Change::Decided(_, Some(Status::Rejected)) => Paint::Red,
        Change::Decided(..) => Paint::Green,
        Change::Arrived(_) | Change::Joined(_) => Paint::Yellow,
        Change::Withdrawn(_) | Change::TimedOut(_) | Change::Appeared(_) | Change::Gone(_) => Paint::Plain,
    }
}
