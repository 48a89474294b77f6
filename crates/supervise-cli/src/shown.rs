//! Remembering the digest under which a proposal was first shown.

use std::collections::BTreeMap;

use supervise_core::{Digest, SafeLine, Slug};
use supervise_store::{Host, StoreError};

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
    let mut by_bottle: BTreeMap<&Slug, Vec<(String, Digest)>> = BTreeMap::new();
    for item in items {
        by_bottle
            .entry(&item.slug)
            .or_default()
            .push((item.proposal.id.clone(), item.digest));
    }
    let host = Host::create(&session.root).await?;
    for (slug, shown) in by_bottle {
        host.shown_record(slug, shown).await?;
    }
    Ok(())
}
