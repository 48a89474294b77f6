//! Interrupted decisions: what a crash left half done is finished or undone before anything else is shown.

use supervise_core::SafeLine;
use supervise_store::{BottleLock, Host, Queue, RecoveredAs, StoreError};

use crate::error::CliError;
use crate::inbox::{self, Inbox, Place};
use crate::session::Session;
use crate::ui::line;

/// Settles every bottle of the inbox in which a decision was interrupted, and reads those bottles again. What
/// can't be settled is said, and hides nothing.
pub(crate) async fn settle(session: &Session<'_>, inbox: &mut Inbox) -> Result<(), CliError> {
    for place in interrupted(session, inbox).await {
        match settle_bottle(session, &place).await {
            Ok(Settled::Yes) => {
                let page = inbox::page(&place).await;
                inbox.replace(place, page);
            }
            // Somebody holds the lock: that decision is under way, not interrupted.
            Ok(Settled::Busy) => {}
            Err(error) => {
                let what = line![&place.slug, ": an interrupted decision can't be settled: "];
                session.ui.warn(what.and(SafeLine::new(&error.to_string())));
            }
        }
    }
    Ok(())
}

enum Settled {
    Yes,
    Busy,
}

async fn interrupted(session: &Session<'_>, inbox: &Inbox) -> Vec<Place> {
    let mut places = inbox.claimed.clone();
    for slug in interrupted_on_host(session).await {
        if !places.iter().any(|place| place.slug == slug) && in_scope(session, &slug) {
            places.push(Place {
                dir: session.root.queue_dir(&slug),
                slug,
            });
        }
    }
    places
}

fn in_scope(session: &Session<'_>, slug: &supervise_core::Slug) -> bool {
    session.scope.is_empty() || session.scope.contains(slug)
}

async fn interrupted_on_host(session: &Session<'_>) -> Vec<supervise_core::Slug> {
    let interrupted = async {
        match Host::open_read_only(&session.root).await? {
            Some(host) => host.interrupted().await,
            None => Ok(Vec::new()),
        }
    };
    interrupted.await.unwrap_or_else(|error: StoreError| {
        session
            .ui
            .warn(line!["interrupted decisions can't be looked up: "].and(SafeLine::new(&error.to_string())));
        Vec::new()
    })
}

async fn settle_bottle(session: &Session<'_>, place: &Place) -> Result<Settled, StoreError> {
    let host = Host::create(&session.root).await?;
    let Some(lock) = host.bottle_try_lock(&place.slug)? else {
        return Ok(Settled::Busy);
    };
    let queue = Queue::open(&place.dir, &place.slug).await?;
    recover(session, &host, &lock, &queue).await?;
    Ok(Settled::Yes)
}

/// Finishes or undoes what a crash left in a locked bottle, and says so.
pub(crate) async fn recover(
    session: &Session<'_>,
    host: &Host,
    lock: &BottleLock,
    queue: &Queue,
) -> Result<(), StoreError> {
    for recovered in host.recover(lock, queue).await?.recovered {
        let id = SafeLine::new(&recovered.id);
        let what = match recovered.what {
            RecoveredAs::Finished(status) => line!["finished an interrupted decision: ", id, " is ", status],
            RecoveredAs::Undone => line!["undid an interrupted decision: ", id, " is pending again"],
        };
        session.ui.say(&[line![lock.slug(), ": "].join(what)]);
    }
    Ok(())
}
