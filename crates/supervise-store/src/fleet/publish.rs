//! What a bottle stores at once: one statement where it can be, one transaction where it can't.

use std::sync::Arc;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use supervise_core::{Proposal, Slug};
use uuid::Uuid;

use super::link::transaction;
use super::trouble::Failure;
use crate::error::StoreError;
use crate::line::Note;

/// Notes by what is done with them, each column an array.
#[derive(Debug, Default)]
pub(super) struct Batch {
    slug: String,
    ids: Vec<String>,
    tools: Vec<String>,
    files: Vec<Vec<u8>>,
    reasons: Vec<Vec<u8>>,
    arrivals: Vec<String>,
    hashes: Vec<String>,
    mark_kinds: Vec<String>,
    mark_ids: Vec<String>,
    mark_counts: Vec<i64>,
    withdrawn: Vec<Uuid>,
}

impl Batch {
    pub(super) fn of(slug: &Slug, notes: &[Note]) -> Batch {
        let mut batch = Batch {
            slug: slug.to_string(),
            ..Batch::default()
        };
        for note in notes {
            match note {
                Note::Proposed(proposal) => batch.open(proposal),
                Note::Joined { id, count } => {
                    batch.mark("joined", *id, i64::try_from(*count).unwrap_or(i64::MAX))
                }
                Note::TimedOut(id) => batch.mark("timed out", *id, 0),
                Note::Delivered(id) => batch.mark("delivered", *id, 0),
                Note::Withdrawn(id) => batch.withdrawn.push(*id),
                // The operator's to say; a bottle's role couldn't.
                Note::Claimed(_) | Note::Released(_) | Note::Answered(_) | Note::Reopened(_) => {}
            }
        }
        batch
    }

    pub(super) fn withdrawn(&self) -> impl Iterator<Item = Uuid> {
        self.withdrawn.iter().copied()
    }

    fn open(&mut self, proposal: &Proposal) {
        self.ids.push(proposal.id.clone());
        self.tools.push(proposal.tool.name().to_owned());
        self.files.push(proposal.proposed_file.clone().into_bytes());
        self.reasons.push(proposal.justification.clone().into_bytes());
        self.arrivals.push(proposal.arrival_timestamp.clone());
        self.hashes.push(proposal.current_file_hash.clone());
    }

    fn mark(&mut self, kind: &str, id: Uuid, count: i64) {
        self.mark_kinds.push(kind.to_owned());
        self.mark_ids.push(id.to_string());
        self.mark_counts.push(count);
    }

    fn steps(&self) -> usize {
        usize::from(!self.ids.is_empty()) + usize::from(!self.mark_ids.is_empty()) + self.withdrawn.len()
    }

    pub(super) async fn store(self: Arc<Batch>, connection: &mut PgConnection) -> Result<(), Failure> {
        match self.steps() {
            0 => Ok(()),
            // A single statement is a transaction by itself, and saves two ways to the server and back.
            1 => self.run(connection).await,
            _ => {
                transaction(connection, move |connection| {
                    Box::pin(async move { self.run(connection).await })
                })
                .await
            }
        }
    }

    async fn run(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        if !self.ids.is_empty() {
            self.insert(&mut *connection).await?;
        }
        if !self.mark_ids.is_empty() {
            sqlx::query("SELECT supervise.mark($1, $2, $3)")
                .bind(&self.mark_kinds)
                .bind(&self.mark_ids)
                .bind(&self.mark_counts)
                .execute(&mut *connection)
                .await?;
        }
        for id in &self.withdrawn {
            let state: String = sqlx::query_scalar("SELECT supervise.withdraw($1)")
                .bind(id.to_string())
                .fetch_one(&mut *connection)
                .await?;
            if matches!(&*state, "being decided" | "decided") {
                let why = "this proposal is being decided";
                return Err(Failure::Refused(StoreError::Denied(why.into())));
            }
        }
        Ok(())
    }

    async fn insert(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        macro_rules! rows {
            () => {
                "unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::text[])
                    AS n (id, tool, file, reason, arrival, hash)"
            };
        }
        let insert = concat!(
            "INSERT INTO supervise.proposals (bottle_slug, id, tool, proposed_file, justification,
                arrival_timestamp, current_file_hash)
            SELECT $1, n.id, n.tool, n.file, n.reason, n.arrival, n.hash FROM ",
            rows!(),
            " ON CONFLICT (bottle_slug, id) DO NOTHING"
        );
        let inserted = self
            .bound(insert)
            .execute(&mut *connection)
            .await?
            .rows_affected();
        if inserted == self.ids.len() as u64 {
            return Ok(());
        }
        // Told before, on a connection that was lost: then they are there, and the same.
        let other = concat!(
            "SELECT n.id FROM ",
            rows!(),
            " WHERE NOT EXISTS (SELECT 1 FROM supervise.proposals p WHERE p.bottle_slug = $1 AND p.id = n.id
                AND p.tool = n.tool AND p.proposed_file = n.file AND p.justification = n.reason
                AND p.arrival_timestamp = n.arrival AND p.current_file_hash = n.hash) LIMIT 1"
        );
        match self.bound(other).fetch_optional(connection).await? {
            None => Ok(()),
            Some(row) => {
                let id = row.try_get(0)?;
                Err(Failure::Refused(StoreError::Exists { id }))
            }
        }
    }

    fn bound(
        &self,
        query: &'static str,
    ) -> sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments> {
        sqlx::query(query)
            .bind(&self.slug)
            .bind(&self.ids)
            .bind(&self.tools)
            .bind(&self.files)
            .bind(&self.reasons)
            .bind(&self.arrivals)
            .bind(&self.hashes)
    }
}
