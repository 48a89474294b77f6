//! Remembering the digest under which a proposal was first shown, and the file that its change was shown for.

use supervise_core::SafeLine;
use supervise_store::{Host, Shown, ShownFile, StoreError};

use crate::apply::LiveFile;
use crate::inbox::Item;
use crate::session::Session;
use crate::ui::line;

/// Remembers what was printed. A listing that can't be remembered is still a listing, so that is only said.
pub(crate) async fn remember(session: &Session<'_>, items: &[Item]) {
    if items.is_empty() {
        return;
    }
    if let Err(error) = record(session, items).await {
        say(session, &error);
    }
}

/// Remembers what was printed together with the change of the live file.
pub(crate) async fn remember_change(session: &Session<'_>, item: &Item, live: &LiveFile) {
    remember(session, std::slice::from_ref(item)).await;
    if let Err(error) = record_file(session, item, live).await {
        say(session, &error);
    }
}

async fn record_file(session: &Session<'_>, item: &Item, live: &LiveFile) -> Result<(), StoreError> {
    let host = Host::create(&session.root).await?;
    let (shown, file) = (of(item), live.digest());
    host.shown_file_record(ShownFile { shown, file }).await
}

async fn record(session: &Session<'_>, items: &[Item]) -> Result<(), StoreError> {
    let host = Host::create(&session.root).await?;
    host.shown_record(items.iter().map(of).collect()).await
}

/// What is remembered of a proposal.
pub(crate) fn of(item: &Item) -> Shown {
    Shown {
        slug: item.slug.clone(),
        id: item.proposal.id.clone(),
        digest: item.digest,
    }
}

fn say(session: &Session<'_>, error: &StoreError) {
    let error = SafeLine::new(&error.to_string());
    session
        .ui
        .warn(line!["what was shown can't be remembered: ", error]);
}
