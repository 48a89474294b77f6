//! Under which digest each proposal was first shown, so that a bare id decides only what was seen.

use supervise_core::{Digest, Slug, now_timestamp};

use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;

impl Host {
    /// Remembers what was shown; what was shown before stays as it was.
    pub async fn shown_record(&self, slug: &Slug, shown: Vec<(String, Digest)>) -> Result<(), StoreError> {
        if shown.is_empty() || self.all_shown(slug, &shown).await? {
            return Ok(());
        }
        let slug = slug.clone();
        self.db()
            .write(move |connection| Box::pin(record(connection, slug, shown)))
            .await
    }

    /// The digest under which a proposal was first shown.
    pub async fn shown_digest(&self, slug: &Slug, id: &str) -> Result<Option<Digest>, StoreError> {
        let shown = self.shown(slug, vec![id.to_owned()]).await?;
        Ok(shown.first().and_then(|(_, hex)| Digest::from_hex(hex)))
    }

    async fn all_shown(&self, slug: &Slug, shown: &[(String, Digest)]) -> Result<bool, StoreError> {
        let ids = shown.iter().map(|(id, _)| id.clone()).collect();
        Ok(self.shown(slug, ids).await?.len() == shown.len())
    }

    async fn shown(&self, slug: &Slug, ids: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        if !self.tables().own {
            return Ok(Vec::new());
        }
        let slug = slug.clone();
        self.db()
            .read(move |connection| Box::pin(read(connection, slug, ids)))
            .await
    }
}

async fn read(
    connection: &mut Connection,
    slug: Slug,
    ids: Vec<String>,
) -> Result<Vec<(String, String)>, StoreError> {
    let query = "SELECT proposal_id, digest FROM supervise_shown WHERE bottle_slug = ? AND proposal_id = ?";
    let mut shown = Vec::new();
    for id in ids {
        connection.start_statement();
        shown.extend(
            sqlx::query_as(query)
                .bind(slug.as_str())
                .bind(id)
                .fetch_optional(&mut connection.sql)
                .await?,
        );
    }
    Ok(shown)
}

async fn record(
    connection: &mut Connection,
    slug: Slug,
    shown: Vec<(String, Digest)>,
) -> Result<(), StoreError> {
    let query = "INSERT OR IGNORE INTO supervise_shown (bottle_slug, proposal_id, digest, shown_at)
        VALUES (?, ?, ?, ?)";
    let now = now_timestamp();
    for (id, digest) in shown {
        connection.start_statement();
        sqlx::query(query)
            .bind(slug.as_str())
            .bind(id)
            .bind(digest.to_string())
            .bind(&now)
            .execute(&mut connection.sql)
            .await?;
    }
    Ok(())
}
