//! Against which live file a proposal was shown, so that an approval changes the file that was looked at.

use supervise_core::{Digest, now_timestamp};

use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;
use crate::shown::Shown;

/// A proposal that was on a screen together with what it would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownFile {
    /// The proposal.
    pub shown: Shown,
    /// The digest of the live file at that moment.
    pub file: Digest,
}

impl Host {
    /// Remembers what was shown. Unlike the proposal's, the last look at the file counts: files change for
    /// good reasons, and who has seen the new one may go on.
    pub async fn shown_file_record(&self, shown: ShownFile) -> Result<(), StoreError> {
        self.db()
            .write_once(move |connection| Box::pin(record(connection, shown)))
            .await
    }

    /// The digest of the file against which the proposal was last shown, in the form that `shown` names.
    pub async fn shown_file(&self, shown: &Shown) -> Result<Option<Digest>, StoreError> {
        if !self.tables().complete {
            return Ok(None);
        }
        let shown = shown.clone();
        let hex = self
            .db()
            .read(move |connection| Box::pin(find(connection, shown)))
            .await?;
        Ok(hex.and_then(|hex| Digest::from_hex(&hex)))
    }
}

async fn record(connection: &mut Connection, ShownFile { shown, file }: ShownFile) -> Result<(), StoreError> {
    let query =
        "INSERT INTO supervise_shown_files (bottle_slug, proposal_id, digest, file, shown_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET file = excluded.file, shown_at = excluded.shown_at WHERE file <> excluded.file";
    sqlx::query(query)
        .bind(shown.slug.as_str())
        .bind(&shown.id)
        .bind(shown.digest.to_string())
        .bind(file.to_string())
        .bind(now_timestamp())
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn find(connection: &mut Connection, shown: Shown) -> Result<Option<String>, StoreError> {
    let query =
        "SELECT file FROM supervise_shown_files WHERE bottle_slug = ? AND proposal_id = ? AND digest = ?";
    let file = sqlx::query_scalar(query)
        .bind(shown.slug.as_str())
        .bind(&shown.id)
        .bind(shown.digest.to_string());
    Ok(file.fetch_optional(&mut connection.sql).await?)
}
