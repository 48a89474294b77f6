//! Deciding in a queue of files by writing the response's file, as the store does, and saying when it was there.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use supervise_core::Proposal;

use crate::clock::{self, Pauses};
use crate::{Bench, Error};

const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOK_FOR: Duration = Duration::from_secs(20);

/// A queue's directory, and what was answered in it.
pub(crate) struct Files {
    dir: PathBuf,
    answered: HashSet<PathBuf>,
    pauses: Pauses,
}

impl Files {
    pub(crate) fn at(bench: &Bench) -> Files {
        Files {
            dir: bench.root.queue_dir(&bench.slug),
            answered: HashSet::new(),
            pauses: Pauses::new(),
        }
    }

    /// Waits for a proposal, pauses, approves it; says when its name was there.
    pub(crate) async fn decide_next(&mut self) -> Result<String, Error> {
        let proposal = self.wait_for_next().await?;
        self.pauses.pause().await;
        let response = serde_json::json!({
            "proposal_id": proposal.id, "status": "approved", "notes": "", "final_file": proposal.proposed_file,
            "applied": false, "refused_at": null, "refused_until": null,
        });
        let out = self.dir.join("out");
        let temporary = out.join(".tmp-bench");
        let mut file = File::create(&temporary)?;
        file.write_all(response.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, out.join(format!("{}.response", proposal.id)))?;
        Ok(clock::now().to_string())
    }

    async fn wait_for_next(&mut self) -> Result<Proposal, Error> {
        let give_up = Instant::now() + LOOK_FOR;
        while Instant::now() < give_up {
            for entry in fs::read_dir(self.dir.join("in"))? {
                let path = entry?.path();
                let proposed = path.extension().is_some_and(|kind| kind == "proposal");
                if proposed && self.answered.insert(path.clone()) {
                    return Ok(serde_json::from_slice(&fs::read(&path)?)?);
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err("no proposal arrived".into())
    }
}
