//! Waiting for one's turn in a bottle: another decision holds its lock for as long as its command takes.

use supervise_core::Slug;
use supervise_store::{BottleLock, Host, StoreError};

use crate::error::CliError;
use crate::session::Session;
use crate::signals::interrupted;
use crate::ui::{Paint, line};

/// The bottle's lock. Who has to wait is told what for, and may give up: nothing has begun.
pub(crate) async fn bottle_lock(
    session: &Session<'_>,
    host: &Host,
    slug: &Slug,
) -> Result<BottleLock, CliError> {
    let stops = session.stops();
    if let Some(lock) = host.bottle_try_lock(slug)? {
        return Ok(lock);
    }
    let waiting = line!["another decision is under way in ", slug, "; waiting for it"];
    session.ui.say(&[waiting.painted(Paint::Dim)]);
    let lock = tokio::select! {
        lock = host.bottle_lock(slug) => lock,
        () = stops.reach(1) => return Err(interrupted()),
    };
    lock.map_err(|error| match error {
        StoreError::Busy => {
            let message = line!["nothing was done: another decision is still under way in ", slug];
            CliError::failed(message).hint("try again when it has come to its end")
        }
        other => other.into(),
    })
}
