//! Remembering the digest under which a proposal was first shown.

use supervise_core::SafeLine;
use supervise_store::{Host, Shown, StoreError};

use crate::inbox::Item;
use crate::session::Session;
use crate::ui::line;

/// Remembers what was printed. A listing that can't be remembered is still a listing, so that is only said.
pub(crate) async fn remember(session: &Session<'_>, items: &[Item]) {
    if items.is_empty() {
        return;
    }
    if let Err(error) = record(session, items).await {
        let what = line![
            "what was shown can't be remembered: ",
            SafeLine::new(&error.to_string())
        ];
        session.ui.warn(what);
    }
}

async fn record(session: &Session<'_>, items: &[Item]) -> Result<(), StoreError> {
    let shown = |item: &Item| Shown {
        slug: item.slug.clone(),
        id: item.proposal.id.clone(),
        digest: item.digest,
    };
    let host = Host::create(&session.root).await?;
    host.shown_record(items.iter().map(shown).collect()).await
}
