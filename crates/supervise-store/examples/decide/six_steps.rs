//! Deciding through the store, step by step, as the operator's program does when no effect is configured.

use supervise_store::{DecisionRequest, Host, Queue, Sticky, Verdict};

use crate::clock;
use crate::plain::{self, Plain};
use crate::{Bench, Error};

/// The store's two databases.
pub(crate) struct Steps {
    host: Host,
    queue: Queue,
}

impl Steps {
    pub(crate) fn new(host: Host, queue: Queue) -> Steps {
        Steps { host, queue }
    }

    async fn open(bench: &Bench) -> Result<Steps, Error> {
        let queue_dir = bench.root.queue_dir(&bench.slug);
        let host = Host::create(&bench.root).await?;
        Ok(Steps::new(host, Queue::open(&queue_dir, &bench.slug).await?))
    }

    /// The id of what was asked first.
    #[cfg(feature = "postgres")]
    pub(crate) async fn first_pending(&self) -> Result<Option<String>, Error> {
        let page = self.queue.proposal_page().await?;
        Ok(page.proposals.into_iter().next().map(|one| one.proposal.id))
    }

    /// Says when the answer's transaction was committed.
    pub(crate) async fn decide(&self, id: String) -> Result<i64, Error> {
        let lock = self.host.bottle_lock(self.queue.slug()).await?;
        let found = self.queue.proposal_find(&id).await?;
        let found = found.first().ok_or("the proposal is gone")?;
        let request = DecisionRequest {
            id,
            digest: found.listed.proposal.digest(),
            verdict: Verdict::Approve,
            notes: String::new(),
            sticky: Sticky::NONE,
            operator: "bench".to_owned(),
            via: "decide".to_owned(),
        };
        let claimed = self.host.decision_claim(lock, &self.queue, request).await?;
        let audited = claimed.intend(String::new(), None).await?.audit(false).await?;
        let (decided, committed_at) = clock::committed_at(audited.answer()).await;
        decided?;
        Ok(committed_at)
    }
}

/// Waits for a proposal, pauses, approves it; says when that was committed. The store is opened by the
/// first, so that queues which it never decides keep the schema they have.
pub(crate) async fn decide_next(
    plain: &mut Plain,
    steps: &mut Option<Steps>,
    bench: &Bench,
) -> Result<String, Error> {
    let id = plain::wait_for_next(plain).await?;
    let steps = match steps {
        Some(steps) => steps,
        None => steps.insert(Steps::open(bench).await?),
    };
    Ok(steps.decide(id).await?.to_string())
}
