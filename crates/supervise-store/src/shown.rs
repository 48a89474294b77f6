//! Under which digest each proposal was first shown, so that a bare id decides only what was seen.

use supervise_core::{Digest, Slug, format_timestamp, now_timestamp};
use time::OffsetDateTime;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;

/// A proposal that was on a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its bottle.
    pub slug: Slug,
    /// Its id.
    pub id: String,
    /// Its digest at that moment.
    pub digest: Digest,
}

impl Host {
    /// Remembers what was shown; what was shown before stays as it was. Costs one look-up if all of it was.
    pub async fn shown_record(&self, shown: Vec<Shown>) -> Result<(), StoreError> {
        let list = json(&shown);
        let news = self
            .db()
            .read(move |connection| Box::pin(has_news(connection, list)))
            .await?;
        if !news {
            return Ok(());
        }
        let list = json(&shown);
        self.db()
            .write_once(move |connection| Box::pin(record(connection, list)))
            .await
    }

    /// The digest under which a proposal was first shown.
    pub async fn shown_digest(&self, slug: &Slug, id: &str) -> Result<Option<Digest>, StoreError> {
        if !self.tables().own {
            return Ok(None);
        }
        let (slug, id) = (slug.clone(), id.to_owned());
        let query = "SELECT digest FROM supervise_shown WHERE bottle_slug = ? AND proposal_id = ?";
        let hex: Option<String> = self
            .db()
            .read(move |connection| {
                Box::pin(async move {
                    let digest = sqlx::query_scalar(query).bind(slug.as_str()).bind(id);
                    Ok(digest.fetch_optional(&mut connection.sql).await?)
                })
            })
            .await?;
        Ok(hex.and_then(|hex| Digest::from_hex(&hex)))
    }
}

/// Looked up at once.
const MAX_SHOWN: i64 = 10_000;

impl Host {
    /// The proposals of a bottle that were first shown before a moment, oldest first: at most 10,000.
    pub async fn shown_before(&self, slug: &Slug, before: OffsetDateTime) -> Result<Vec<String>, StoreError> {
        if !self.tables().own {
            return Ok(Vec::new());
        }
        let (slug, before) = (slug.clone(), format_timestamp(before));
        let query = "SELECT proposal_id FROM supervise_shown WHERE bottle_slug = ? AND shown_at < ?
            ORDER BY shown_at LIMIT ?";
        self.db()
            .read(move |connection| {
                Box::pin(async move {
                    let ids = sqlx::query_scalar(query).bind(slug.as_str()).bind(before);
                    Ok(ids.bind(MAX_SHOWN).fetch_all(&mut connection.sql).await?)
                })
            })
            .await
    }

    /// Forgets that these were shown, for they are gone. Says how many it knew.
    pub async fn shown_forget(&self, slug: &Slug, ids: Vec<String>) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let (slug, list) = (slug.clone(), serde_json::json!(ids).to_string());
        let query = "DELETE FROM supervise_shown WHERE bottle_slug = ?
            AND proposal_id IN (SELECT value FROM json_each(?))";
        self.db()
            .write(move |connection| {
                Box::pin(async move {
                    let gone = sqlx::query(query).bind(slug.as_str()).bind(list);
                    Ok(gone.execute(&mut connection.sql).await?.rows_affected())
                })
            })
            .await
    }
}

/// `[[slug, id, digest], …]`: one bound value, however much was shown.
fn json(shown: &[Shown]) -> String {
    let rows: Vec<[String; 3]> = shown
        .iter()
        .map(|shown| [shown.slug.to_string(), shown.id.clone(), shown.digest.to_string()])
        .collect();
    serde_json::json!(rows).to_string()
}

async fn has_news(connection: &mut Connection, list: String) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT 1 FROM json_each(?) AS one WHERE NOT EXISTS (
        SELECT 1 FROM supervise_shown WHERE bottle_slug = one.value ->> 0 AND proposal_id = one.value ->> 1))";
    Ok(sqlx::query_scalar(query)
        .bind(list)
        .fetch_one(&mut connection.sql)
        .await?)
}

async fn record(connection: &mut Connection, list: String) -> Result<(), StoreError> {
    let query = "INSERT OR IGNORE INTO supervise_shown (bottle_slug, proposal_id, digest, shown_at)
        SELECT value ->> 0, value ->> 1, value ->> 2, ? FROM json_each(?)";
    sqlx::query(query)
        .bind(now_timestamp())
        .bind(list)
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}
