//! A bottle's line: what its sidecar tells the fleet's database, and what it hears from there.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Row as _;
use supervise_core::{SafeLine, Slug};
use tokio::time::sleep;
use uuid::Uuid;

use super::connect;
use super::link::{Link, jittered};
use super::load::{self, Seen};
use super::publish::Batch;
use super::row::{PROPOSAL_COLUMNS, fleet_columns, given_columns, proposal};
use super::schema;
use super::url::FleetUrl;
use crate::error::StoreError;
use crate::line::{Note, Withdrawing};

/// How often to ask while anything is held: seldom where notifications come, since they come at once.
const POLL_LISTENING: Duration = Duration::from_secs(1);
const POLL_ALONE: Duration = Duration::from_millis(250);
/// Anybody can send notifications; so often at most one is followed.
const HINT_EVERY: Duration = Duration::from_millis(2);
/// How many events are read at once.
const PAGE: usize = 200;

pub(crate) struct BottleLine {
    link: Link,
    slug: Slug,
    seen: Seen,
    /// Withdrawn by this line, so that it needn't hear of it.
    mine: HashSet<Uuid>,
    hinted_at: Option<Instant>,
}

impl BottleLine {
    /// Connects as the bottle's own role; another bottle's is refused.
    pub(crate) async fn connect(url: &FleetUrl, slug: &Slug) -> Result<BottleLine, StoreError> {
        let mut link = Link::new(connect::options(url, "supervise-sidecar")?);
        let query = "SELECT supervise.schema_version(), supervise.my_bottle(), supervise.my_number()";
        let found: (i32, Option<String>, Option<i64>) = link
            .run(|connection| Box::pin(async move { Ok(sqlx::query_as(query).fetch_one(connection).await?) }))
            .await?;
        schema::check(found.0)?;
        let (Some(bottle), Some(number)) = (found.1, found.2) else {
            return Err(StoreError::Denied("this role is of no bottle".into()));
        };
        if bottle != slug.as_str() {
            return Err(StoreError::Denied("this role is of another bottle".into()));
        }
        link.hear(format!("supervise_{number}"));
        Ok(BottleLine {
            link,
            slug: slug.clone(),
            seen: Seen::default(),
            mine: HashSet::new(),
            hinted_at: None,
        })
    }

    /// Everything that is kept of the bottle. News begin behind it.
    pub(crate) async fn load(&mut self) -> Result<Vec<Note>, StoreError> {
        let slug = self.slug.clone();
        let loaded = self
            .link
            .run(|connection| Box::pin(load::kept(connection, slug.clone())))
            .await?;
        self.seen = loaded.seen;
        self.mine.clear();
        Ok(loaded.notes)
    }

    /// Stores what the notes say, all or nothing. Told twice, they are stored once.
    pub(crate) async fn publish(&mut self, notes: &[Note]) -> Result<(), StoreError> {
        let batch = Arc::new(Batch::of(&self.slug, notes));
        self.link
            .run(|connection| Box::pin(Arc::clone(&batch).store(connection)))
            .await?;
        self.mine.extend(batch.withdrawn());
        Ok(())
    }

    /// Takes a proposal back, unless it is claimed or answered. What isn't there counts as taken back: nobody can
    /// decide it.
    pub(crate) async fn withdraw(&mut self, id: Uuid) -> Result<Withdrawing, StoreError> {
        let text = id.to_string();
        let state: String = self
            .link
            .run(|connection| {
                let query = sqlx::query_scalar("SELECT supervise.withdraw($1)").bind(text.clone());
                Box::pin(async move { Ok(query.fetch_one(connection).await?) })
            })
            .await?;
        Ok(match &*state {
            "being decided" => Withdrawing::BeingDecided,
            "decided" => Withdrawing::Decided,
            _ => {
                self.mine.insert(id);
                Withdrawing::Withdrawn
            }
        })
    }

    /// What was said since the last time: answers, lifted refusals, what was submitted or withdrawn elsewhere.
    pub(crate) async fn news(&mut self) -> Result<Vec<Note>, StoreError> {
        let mut notes = Vec::new();
        loop {
            let rows = self.page().await?;
            for row in &rows {
                let (side, number) = (row.try_get::<&str, _>(0), row.try_get::<i64, _>(1));
                let (Ok(side), Ok(number)) = (side, number) else {
                    return Err(StoreError::Unreadable("an event of the fleet".into()));
                };
                self.seen.pass(side, number);
                notes.extend(self.heard(row));
            }
            if rows.len() < PAGE {
                return Ok(notes);
            }
        }
    }

    async fn page(&mut self) -> Result<Vec<sqlx::postgres::PgRow>, StoreError> {
        let query = concat!(
            "SELECT e.side, e.number, e.kind, e.proposal_id, ",
            given_columns!(),
            ", ",
            fleet_columns!(),
            " FROM (SELECT * FROM supervise.events o WHERE o.bottle_slug = $1 AND o.side = 'operator' AND o.number > $2",
            " UNION ALL SELECT * FROM supervise.events b WHERE b.bottle_slug = $1 AND b.side = 'bottle' AND b.number > $3",
            " ORDER BY side DESC, number LIMIT $4) e",
            " LEFT JOIN supervise.responses r",
            " ON e.kind = 'answered' AND r.bottle_slug = e.bottle_slug AND r.proposal_id = e.proposal_id",
            " LEFT JOIN supervise.proposals p",
            " ON e.kind = 'proposed' AND p.bottle_slug = e.bottle_slug AND p.id = e.proposal_id",
            " ORDER BY e.side DESC, e.number"
        );
        let (slug, seen) = (self.slug.clone(), self.seen);
        self.link
            .run(|connection| {
                let query = sqlx::query(query)
                    .bind(slug.to_string())
                    .bind(seen.operator)
                    .bind(seen.bottle)
                    .bind(PAGE as i64);
                Box::pin(async move { Ok(query.fetch_all(connection).await?) })
            })
            .await
    }

    fn heard(&mut self, row: &sqlx::postgres::PgRow) -> Option<Note> {
        if row.try_get::<&str, _>(2).ok()? == "proposed" {
            let found = proposal(row, 4 + PROPOSAL_COLUMNS, &self.slug);
            return found
                .inspect_err(|oddity| tracing::warn!(why = %SafeLine::new(oddity), "a proposal of the fleet is passed over"))
                .ok()
                .map(Note::Proposed);
        }
        let (id, note) = load::said(row, 2)?;
        let told = matches!(note, Note::Withdrawn(_)) && self.mine.remove(&id);
        (!told).then_some(note)
    }

    /// Waits for a hint that there may be news, for ever where none come. The first one comes at once. Dropping the
    /// future loses none.
    pub(crate) async fn hinted(&mut self) {
        if let Some(at) = self.hinted_at {
            sleep(HINT_EVERY.saturating_sub(at.elapsed())).await;
        }
        self.link.notified().await;
        self.hinted_at = Some(Instant::now());
    }

    /// Nothing is held any more: no hint is wanted until the next is waited for. Each notification wakes everybody in
    /// the fleet who listens, so whoever needn't shouldn't.
    pub(crate) async fn rest(&mut self) {
        self.link.rest().await;
    }

    /// How long to wait until news are asked for without a hint; another time at each call.
    pub(crate) fn poll_every(&self) -> Duration {
        jittered(if self.link.is_listening() {
            POLL_LISTENING
        } else {
            POLL_ALONE
        })
    }
}

impl fmt::Debug for BottleLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BottleLine")
            .field("slug", &self.slug)
            .finish_non_exhaustive()
    }
}
