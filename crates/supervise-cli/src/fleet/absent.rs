//! A program without PostgreSQL: a fleet that is configured is a trouble that is told.

use supervise_store::{Page, Place};

use crate::session::Session;
use crate::ui::{Line, line};

pub(crate) async fn pages(session: &Session<'_>) -> Result<Vec<(Place, Page)>, Line> {
    match session.queues() {
        Ok(queues) if queues.fleet.is_some() => {
            Err(line!["the fleet: this program was built without PostgreSQL"])
        }
        _ => Ok(Vec::new()),
    }
}

pub(crate) async fn places_with(session: &Session<'_>, _prefix: &str) -> Result<Vec<Place>, Line> {
    pages(session).await.map(|_| Vec::new())
}
