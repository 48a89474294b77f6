//! A bottle and its operator over a queue of one kind.

use std::time::{Duration, Instant};

use supervise_core::{Root, Slug};
use supervise_store::{
    Backend, Claimed, Decided, DecisionError, DecisionRequest, Host, Place, Queue, QueueUrl, Refusal, Sticky,
    Verdict,
};
use tempfile::TempDir;

use crate::fixture::{digest, request};
#[cfg(feature = "postgres")]
use supervise_store::FleetUrl;

pub(crate) struct Scene {
    _dir: TempDir,
    root: Root,
    pub(crate) place: Place,
    /// The bottle's own address, where no directory tells it.
    url: Option<QueueUrl>,
}

impl Scene {
    pub(crate) fn new(backend: Backend) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().join("root"));
        let slug: Slug = "dev".parse().unwrap();
        let place = Place::new(&root, &slug, backend);
        place.prepare().unwrap();
        Scene {
            _dir: dir,
            root,
            place,
            url: None,
        }
    }

    /// A new bottle in a fleet.
    #[cfg(feature = "postgres")]
    pub(crate) fn in_fleet(slug: &Slug, bottle: FleetUrl, operator: &FleetUrl) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().join("root"));
        Scene {
            _dir: dir,
            place: Place::in_fleet(&root, slug, operator),
            root,
            url: Some(QueueUrl::Postgres(bottle)),
        }
    }

    /// The bottle's side, found as a sidecar finds it.
    pub(crate) async fn bottle(&self) -> Queue {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => QueueUrl::find(&self.place.dir).unwrap(),
        };
        assert_eq!(url.backend(), self.place.backend);
        Queue::connect(&url, &self.place.slug).await.unwrap()
    }

    /// The operator's side.
    pub(crate) async fn operator(&self) -> Queue {
        Queue::open_at(&self.place).await.unwrap()
    }

    pub(crate) async fn claim(&self, id: &str, verdict: Verdict) -> Result<Claimed, DecisionError> {
        self.claim_sticking(id, verdict, Sticky::NONE).await
    }

    async fn claim_sticking(
        &self,
        id: &str,
        verdict: Verdict,
        sticky: Sticky,
    ) -> Result<Claimed, DecisionError> {
        let host = Host::create(&self.root).await.unwrap();
        let queue = self.operator().await;
        let lock = host.bottle_lock(&self.place.slug).await?;
        host.recover(&lock, &queue).await?;
        let request = DecisionRequest {
            sticky,
            ..request(id, digest(&queue, id).await, verdict)
        };
        host.decision_claim(lock, &queue, request).await
    }

    pub(crate) async fn decide(&self, id: &str, verdict: Verdict) -> Result<Decided, DecisionError> {
        self.decide_sticking(id, verdict, Sticky::NONE).await
    }

    /// Decides through every step, as the operator's program does.
    pub(crate) async fn decide_sticking(
        &self,
        id: &str,
        verdict: Verdict,
        sticky: Sticky,
    ) -> Result<Decided, DecisionError> {
        let claimed = self.claim_sticking(id, verdict, sticky).await?;
        let intended = claimed.intend("the diff".into(), None).await?;
        intended.audit(false).await?.answer().await
    }

    /// Finishes or undoes what was interrupted; says which proposals that were.
    pub(crate) async fn recover(&self) -> Vec<String> {
        let host = Host::create(&self.root).await.unwrap();
        let queue = self.operator().await;
        let lock = host.bottle_lock(&self.place.slug).await.unwrap();
        let recovery = host.recover(&lock, &queue).await.unwrap();
        assert!(recovery.unfinished.is_empty());
        recovery.recovered.into_iter().map(|one| one.id).collect()
    }

    /// Lifts the refusal that a proposal's rejection brought.
    pub(crate) async fn lift(&self, id: &str) -> Option<Refusal> {
        let host = Host::create(&self.root).await.unwrap();
        let queue = self.operator().await;
        let lock = host.bottle_lock(&self.place.slug).await.unwrap();
        let found = queue.proposal_find(id).await.unwrap();
        queue
            .refusal_lift(&lock, &found[0].listed.proposal)
            .await
            .unwrap()
    }

    /// Waits until the operator sees just these, oldest first.
    pub(crate) async fn until_pending(&self, ids: &[&str]) {
        let give_up = Instant::now() + Duration::from_secs(10);
        loop {
            let page = Queue::page_at(&self.place).await.unwrap();
            let pending: Vec<_> = page
                .proposals
                .iter()
                .map(|one| one.proposal.id.as_str())
                .collect();
            if pending == ids {
                return;
            }
            assert!(Instant::now() < give_up, "{pending:?} instead of {ids:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
