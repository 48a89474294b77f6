//! The operators' line: finding proposals, and claiming them for as long as the connection lasts.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use supervise_core::{Digest, Proposal, Slug, Status};
use time::OffsetDateTime;
use uuid::Uuid;

use super::connect;
use super::link::{Link, Work};
use super::load;
use super::row::{fleet_columns, proposal};
use super::schema;
use super::trouble::Failure;
use super::url::FleetUrl;
use crate::error::StoreError;
use crate::line::{Claiming, Note};

/// How many proposals a prefix finds at most, as in a file.
const MAX_FOUND: i64 = 10;
/// A claim whose connection is lost before it was looked at is taken anew so often.
const TRIES: u32 = 3;

pub(crate) struct OperatorLine {
    pub(super) link: Link,
    pub(super) claims: HashMap<Uuid, Claim>,
}

/// A claim as it was taken: on which connection, and of what.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) slug: Slug,
    pub(super) digest: Digest,
    pub(super) generation: u64,
}

impl OperatorLine {
    /// Connects as the operators' role.
    pub(crate) async fn connect(url: &FleetUrl) -> Result<OperatorLine, StoreError> {
        let mut link = Link::new(connect::options(url, "supervise")?);
        let version: i32 = link
            .run(|connection| {
                let query = sqlx::query_scalar("SELECT supervise.schema_version()");
                Box::pin(async move { Ok(query.fetch_one(connection).await?) })
            })
            .await?;
        schema::check(version)?;
        let claims = HashMap::new();
        Ok(OperatorLine { link, claims })
    }

    /// Every bottle that has a role, by name.
    pub(crate) async fn bottles(&mut self) -> Result<Vec<Slug>, StoreError> {
        let query = "SELECT slug FROM supervise.bottles WHERE role IS NOT NULL ORDER BY slug";
        let slugs: Vec<String> = self
            .link
            .run(|connection| {
                Box::pin(async move { Ok(sqlx::query_scalar(query).fetch_all(connection).await?) })
            })
            .await?;
        Ok(slugs.iter().filter_map(|slug| slug.parse().ok()).collect())
    }

    /// Everything that is kept of a bottle.
    pub(crate) async fn load(&mut self, slug: &Slug) -> Result<Vec<Note>, StoreError> {
        let loaded = self
            .link
            .run(|connection| Box::pin(load::kept(connection, slug.clone())))
            .await?;
        Ok(loaded.notes)
    }

    /// What is known of each proposal whose id begins so, by bottle; what is being decided is claimed.
    pub(crate) async fn find(&mut self, prefix: &str) -> Result<Vec<(Slug, Vec<Note>)>, StoreError> {
        if !prefix
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'))
        {
            return Ok(Vec::new());
        }
        self.link
            .run(|connection| {
                let prefix = prefix.to_owned();
                Box::pin(load::snapshot(connection, move |connection| {
                    Box::pin(find(connection, prefix))
                }))
            })
            .await
    }

    /// Claims a proposal if it is pending and what was shown. The claim goes with [`OperatorLine::release`], with
    /// the answer, or with the connection.
    pub(crate) async fn claim(
        &mut self,
        slug: &Slug,
        id: Uuid,
        digest: Digest,
    ) -> Result<Claiming, StoreError> {
        for _ in 0..TRIES {
            if self.has_claimed(id) {
                return Ok(Claiming::BeingDecided);
            }
            let state = self.take(slug, id).await?;
            let generation = self.link.generation();
            match &*state {
                "claimed" => {}
                "no such" => return Ok(Claiming::NoSuch),
                "withdrawn" => return Ok(Claiming::Withdrawn),
                "being decided" => return Ok(Claiming::BeingDecided),
                status => return already(status),
            }
            let claim = Claim {
                slug: slug.clone(),
                digest,
                generation,
            };
            self.claims.insert(id, claim);
            let found = self.proposal(slug, id).await;
            if !self.has_claimed(id) {
                continue;
            }
            match found {
                Ok(Some(found)) if found.digest() == digest => return Ok(Claiming::Claimed),
                Ok(Some(found)) => {
                    self.release(id).await?;
                    return Ok(Claiming::Changed(Box::new(found)));
                }
                Ok(None) => {
                    self.release(id).await?;
                    return Ok(Claiming::NoSuch);
                }
                Err(error) => {
                    self.release(id).await?;
                    return Err(error);
                }
            }
        }
        Err(StoreError::Unreachable(
            "the connection was lost again and again".into(),
        ))
    }

    /// Gives a claim back undecided.
    pub(crate) async fn release(&mut self, id: Uuid) -> Result<(), StoreError> {
        let Some(claim) = self.claims.remove(&id) else {
            return Ok(());
        };
        if claim.generation != self.link.generation() {
            return Ok(());
        }
        let released = self
            .link
            .once(|connection| {
                let query = sqlx::query("SELECT supervise.release($1, $2)")
                    .bind(claim.slug.to_string())
                    .bind(id.to_string());
                Box::pin(async move { Ok(query.execute(connection).await?) })
            })
            .await;
        match released {
            Ok(_) => Ok(()),
            // A connection that is gone has given it back.
            Err(failure) if failure.is_lost() => Ok(()),
            Err(failure) => Err(failure.store_error()),
        }
    }

    /// Lifts the refusal of what that proposal asked for. False if there is no such proposal.
    pub(crate) async fn reopen(&mut self, slug: &Slug, id: Uuid) -> Result<bool, StoreError> {
        self.link
            .run(|connection| {
                let query = sqlx::query_scalar("SELECT supervise.reopen($1, $2)")
                    .bind(slug.to_string())
                    .bind(id.to_string());
                Box::pin(async move { Ok(query.fetch_one(connection).await?) })
            })
            .await
    }

    /// Queues the proposal of a program on the operators' side.
    pub(crate) async fn submit(&mut self, proposal: &Proposal) -> Result<(), StoreError> {
        let stored = self
            .link
            .run(|connection| Box::pin(submit(connection, proposal.clone())))
            .await;
        match stored {
            Ok(()) => Ok(()),
            Err(StoreError::Exists { id }) => {
                // On a connection that was lost after the commit it was stored all the same.
                let slug: Slug = proposal
                    .bottle_slug
                    .parse()
                    .map_err(|_| StoreError::Altered("the bottle's name"))?;
                let found = match Uuid::parse_str(&proposal.id) {
                    Ok(id) => self.proposal(&slug, id).await?,
                    Err(_) => None,
                };
                if found.as_ref() == Some(proposal) {
                    Ok(())
                } else {
                    Err(StoreError::Exists { id })
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes what was withdrawn an hour ago, and what was delivered and arrived before then, unless its refusal
    /// still sticks. The audit log stays.
    pub(crate) async fn prune(&mut self, slug: &Slug, before: OffsetDateTime) -> Result<u64, StoreError> {
        const AT_ONCE: i64 = 500;
        let mut deleted = 0;
        loop {
            let count: i64 = self
                .link
                .run(|connection| {
                    let query = sqlx::query_scalar("SELECT supervise.prune($1, $2::text::timestamptz, $3)")
                        .bind(slug.to_string())
                        .bind(supervise_core::format_timestamp(before))
                        .bind(AT_ONCE);
                    Box::pin(async move { Ok(query.fetch_one(connection).await?) })
                })
                .await?;
            deleted += count.unsigned_abs();
            if count < AT_ONCE {
                return Ok(deleted);
            }
        }
    }

    pub(super) fn has_claimed(&self, id: Uuid) -> bool {
        let generation = self.link.generation();
        self.claims
            .get(&id)
            .is_some_and(|claim| claim.generation == generation && self.link.is_up())
    }

    async fn take(&mut self, slug: &Slug, id: Uuid) -> Result<String, StoreError> {
        self.link
            .run(|connection| {
                let query = sqlx::query_scalar("SELECT supervise.claim($1, $2)")
                    .bind(slug.to_string())
                    .bind(id.to_string());
                Box::pin(async move { Ok(query.fetch_one(connection).await?) })
            })
            .await
    }

    async fn proposal(&mut self, slug: &Slug, id: Uuid) -> Result<Option<Proposal>, StoreError> {
        let query = concat!(
            "SELECT ",
            fleet_columns!(),
            " FROM supervise.proposals p WHERE p.bottle_slug = $1 AND p.id = $2"
        );
        let row = self
            .link
            .run(|connection| {
                let query = sqlx::query(query).bind(slug.to_string()).bind(id.to_string());
                Box::pin(async move { Ok(query.fetch_optional(connection).await?) })
            })
            .await?;
        Ok(row.and_then(|row| proposal(&row, 0, slug).ok()))
    }
}

fn already(status: &str) -> Result<Claiming, StoreError> {
    Status::from_name(status)
        .map(Claiming::Already)
        .map_err(|_| StoreError::Unreadable("the status of an answer".into()))
}

async fn find(connection: &mut PgConnection, prefix: String) -> Result<Vec<(Slug, Vec<Note>)>, Failure> {
    // 'g' follows every hex digit, so the range holds exactly the ids that begin so.
    let query = "SELECT p.bottle_slug, p.id, q.id IS NOT NULL AND supervise.is_claimed(p.claim_key)
        FROM supervise.proposals p
        LEFT JOIN supervise.pending q ON q.bottle_slug = p.bottle_slug AND q.id = p.id
        WHERE p.id >= $1 AND p.id < $1 || 'g' ORDER BY p.bottle_slug, p.id LIMIT $2";
    let rows = sqlx::query(query)
        .bind(prefix)
        .bind(MAX_FOUND)
        .fetch_all(&mut *connection)
        .await?;
    let mut found: Vec<(Slug, Vec<Note>)> = Vec::new();
    for row in rows {
        let Ok(slug) = row.try_get::<&str, _>(0)?.parse::<Slug>() else {
            continue;
        };
        let id: String = row.try_get(1)?;
        let mut notes = load::of(&mut *connection, &slug, std::slice::from_ref(&id)).await?;
        if let (true, Ok(id)) = (row.try_get(2)?, Uuid::parse_str(&id)) {
            notes.push(Note::Claimed(id));
        }
        match found.last_mut() {
            Some((last, all)) if *last == slug => all.append(&mut notes),
            _ => found.push((slug, notes)),
        }
    }
    Ok(found)
}

fn submit(connection: &mut PgConnection, proposal: Proposal) -> Work<'_, ()> {
    Box::pin(async move {
        let stored = sqlx::query("SELECT supervise.submit($1, $2, $3, $4, $5, $6, $7)")
            .bind(&proposal.bottle_slug)
            .bind(&proposal.id)
            .bind(proposal.tool.name())
            .bind(proposal.proposed_file.as_bytes())
            .bind(proposal.justification.as_bytes())
            .bind(&proposal.arrival_timestamp)
            .bind(&proposal.current_file_hash)
            .execute(connection)
            .await
            .map_err(Failure::from);
        match stored {
            Ok(_) => Ok(()),
            Err(failure) if failure.code().as_deref() == Some("23505") => {
                Err(Failure::Refused(StoreError::Exists { id: proposal.id }))
            }
            Err(failure) => Err(failure),
        }
    })
}
