//! What is asked of a fleet's database, within a time that a screen can wait.

use std::time::Duration;

use supervise_core::{SafeLine, Slug};
use supervise_store::{Fleet, FleetUrl, Page, Place, StoreError};

use crate::session::Session;
use crate::ui::{Line, line};
use crate::visit::within;

/// A database on another machine may need a few round trips, and a lost connection is made anew.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is pending in the fleet's bottles in scope. A fleet that can't be asked is a line, and hides nothing else.
pub(crate) async fn pages(session: &Session<'_>) -> Result<Vec<(Place, Page)>, Line> {
    let Some(url) = url(session)? else {
        return Ok(Vec::new());
    };
    let scope = session.scope.clone();
    let found = within(PATIENCE, async {
        Fleet::connect(&url).await?.pages(&scope).await
    })
    .await;
    let found = found.map_err(|error| trouble(&error))?;
    let (here, there): (Vec<_>, Vec<_>) =
        (found.into_iter()).partition(|(slug, _)| session.root.queue_dir(slug).exists());
    if let Some((slug, _)) = here.first() {
        let both = line![
            slug,
            ": it is on this host and in the fleet; the fleet's is left out"
        ];
        session.ui.warn(both);
    }
    let placed = |(slug, page): (Slug, Page)| (Place::in_fleet(&session.root, &slug, &url), page);
    Ok(there.into_iter().map(placed).collect())
}

/// The fleet's bottles in scope that have a proposal whose id begins so.
pub(crate) async fn places_with(session: &Session<'_>, prefix: &str) -> Result<Vec<Place>, Line> {
    let Some(url) = url(session)? else {
        return Ok(Vec::new());
    };
    let found = within(PATIENCE, async {
        Fleet::connect(&url).await?.bottles_with(prefix).await
    })
    .await;
    let found = found.map_err(|error| trouble(&error))?;
    Ok(found
        .iter()
        .filter(|slug| crate::inbox::in_scope(session, slug.as_str()))
        .filter(|slug| !session.root.queue_dir(slug).exists())
        .map(|slug| Place::in_fleet(&session.root, slug, &url))
        .collect())
}

/// `None`: there is no fleet.
fn url(session: &Session<'_>) -> Result<Option<FleetUrl>, Line> {
    let queues = session.queues().map_err(|error| error.explanation())?;
    let url = queues.fleet_url().transpose();
    url.map_err(|error: StoreError| trouble(&error))
}

fn trouble(error: &dyn std::error::Error) -> Line {
    line!["the fleet: ", SafeLine::new(&error.to_string())]
}
