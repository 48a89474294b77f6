//! Deciding in a fleet through the store, by the six steps.

use std::time::{Duration, Instant};

use supervise_store::{FleetUrl, Host, Place, Queue};

use crate::clock::Pauses;
use crate::six_steps::Steps;
use crate::{Bench, Error};

const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOK_FOR: Duration = Duration::from_secs(20);

/// The operator's side of one bottle, and the pauses before its decisions.
pub(crate) struct Fleet {
    steps: Steps,
    pauses: Pauses,
}

impl Fleet {
    pub(crate) async fn open(bench: &Bench, url: &str) -> Result<Fleet, Error> {
        let url: FleetUrl = url.parse()?;
        let host = Host::create(&bench.root).await?;
        let queue = Queue::open_at(&Place::in_fleet(&bench.root, &bench.slug, &url)).await?;
        Ok(Fleet {
            steps: Steps::new(host, queue),
            pauses: Pauses::new(),
        })
    }

    /// Waits for a proposal, pauses, approves it; says when that was committed.
    pub(crate) async fn decide_next(&mut self) -> Result<String, Error> {
        let give_up = Instant::now() + LOOK_FOR;
        while Instant::now() < give_up {
            if let Some(id) = self.steps.first_pending().await? {
                self.pauses.pause().await;
                return Ok(self.steps.decide(id).await?.to_string());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err("no proposal arrived".into())
    }
}
