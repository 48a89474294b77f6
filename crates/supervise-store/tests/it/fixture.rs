//! A root in a temporary directory, and plain SQL on its files.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use supervise_core::{Ask, Digest, Root, Slug, Tool};
use supervise_store::{
    Asked, Decided, DecisionError, DecisionRequest, Delivery, Hold, Host, Limits, Outcome, Queue, Sticky,
    Verdict,
};
use tempfile::TempDir;

pub(crate) const NO_LIMITS: Limits = Limits {
    max_pending: 0,
    max_per_minute: 0,
    max_queue_bytes: 0,
};

pub(crate) struct Fixture {
    _dir: TempDir,
    pub(crate) root: Root,
    pub(crate) slug: Slug,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Fixture::over(tempfile::tempdir().unwrap())
    }

    pub(crate) fn over(dir: TempDir) -> Self {
        let root = Root::new(dir.path().join("root"));
        Fixture {
            _dir: dir,
            root,
            slug: "dev".parse().unwrap(),
        }
    }

    pub(crate) fn queue_dir(&self) -> PathBuf {
        self.root.queue_dir(&self.slug)
    }

    pub(crate) fn queue_db(&self) -> PathBuf {
        self.root.queue_db(&self.slug)
    }

    pub(crate) async fn queue(&self) -> Queue {
        Queue::create(&self.queue_dir(), &self.slug).await.unwrap()
    }

    pub(crate) async fn host(&self) -> Host {
        Host::create(&self.root).await.unwrap()
    }

    /// Decides through every step, as the operator's program does.
    pub(crate) async fn decide(&self, id: &str, verdict: Verdict) -> Result<Decided, DecisionError> {
        self.decide_sticking(id, verdict, Sticky::NONE).await
    }

    /// The same, where a rejection sticks.
    pub(crate) async fn decide_sticking(
        &self,
        id: &str,
        verdict: Verdict,
        sticky: Sticky,
    ) -> Result<Decided, DecisionError> {
        let host = self.host().await;
        let queue = Queue::open(&self.queue_dir(), &self.slug).await?;
        let lock = host.bottle_lock(&self.slug).await?;
        host.recover(&lock, &queue).await?;
        let digest = digest(&queue, id).await;
        let request = DecisionRequest {
            sticky,
            ..request(id, digest, verdict)
        };
        let claimed = host.decision_claim(lock, &queue, request).await?;
        claimed
            .intend("the diff".into(), None)
            .await?
            .audit(false)
            .await?
            .answer()
            .await
    }
}

pub(crate) async fn digest(queue: &Queue, id: &str) -> Digest {
    let found = queue.proposal_find(id).await.unwrap();
    found.first().map_or_else(
        || Digest::from_hex(&"0".repeat(64)).unwrap(),
        |f| f.listed.proposal.digest(),
    )
}

pub(crate) fn request(id: &str, digest: Digest, verdict: Verdict) -> DecisionRequest {
    DecisionRequest {
        id: id.into(),
        digest,
        verdict,
        notes: "fine".into(),
        sticky: Sticky::NONE,
        operator: "ada".into(),
        via: "a test".into(),
    }
}

pub(crate) fn ask(payload: &str) -> Ask {
    Ask {
        tool: Tool::EgressAllow,
        proposed_file: payload.into(),
        justification: "because".into(),
    }
}

pub(crate) async fn held(queue: &Queue, payload: &str) -> Hold {
    match queue.proposal_ask(ask(payload), NO_LIMITS).await.unwrap() {
        Asked::Held(hold) => hold,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn decided(hold: &mut Hold) -> Delivery {
    match tokio::time::timeout(Duration::from_secs(10), hold.outcome())
        .await
        .expect("an outcome")
    {
        Outcome::Decided(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

/// A connection of another program: no guards, no checks.
pub(crate) async fn plain(path: PathBuf) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

pub(crate) async fn sql(connection: &mut SqliteConnection, statement: &str) -> Result<u64, String> {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await;
    done.map(|done| done.rows_affected())
        .map_err(|error| error.to_string())
}
