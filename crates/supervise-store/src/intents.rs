//! Intents: a decision's durable plan between its claim and its answer.

use std::collections::HashSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use supervise_core::{
    ACTION_APPLY_FAILED, ACTION_OPERATOR_EDIT, AuditEntry, Component, Proposal, Slug, Status, now_timestamp,
};

use crate::audit::{self, AuditOrigin};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;
use crate::refusals::Sticky;

/// How the failure of what was audited already names its entry; an examination finds it by these words.
const ENTRY: &str = "entry ";
const NOT_DELIVERED: &str = " was not delivered: ";

/// Everything that is needed to carry a decision to its end without the operator.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) token: String,
    pub(crate) slug: Slug,
    /// As it was when it was claimed.
    pub(crate) proposal: Proposal,
    pub(crate) digest: String,
    pub(crate) status: Status,
    pub(crate) notes: String,
    /// What becomes of a rejection once it is answered.
    pub(crate) sticky: Sticky,
    pub(crate) final_file: Option<String>,
    pub(crate) diff: String,
    pub(crate) operator: String,
    pub(crate) via: String,
    /// What the operator's program means to change, in its own words; `None`: nothing.
    pub(crate) effect: Option<String>,
    /// Set with the audit entry.
    pub(crate) audited: Option<AuditedAs>,
}

/// The entry that a failure's notes tell was not delivered.
pub(crate) fn undelivered(notes: &str) -> Option<i64> {
    let (entry, _) = notes.strip_prefix(ENTRY)?.split_once(NOT_DELIVERED)?;
    entry.parse().ok()
}

/// How an intent was audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuditedAs {
    pub(crate) audit_id: i64,
    pub(crate) applied: bool,
}

impl Intent {
    pub(crate) fn id(&self) -> &str {
        &self.proposal.id
    }

    /// Whether something of it may be in force, or in the audit log.
    #[cfg(feature = "postgres")]
    pub(crate) fn is_in_force(&self) -> bool {
        self.audited.is_some() || self.effect.is_some()
    }

    fn entry(&self, action: &str, notes: String, diff: String) -> AuditEntry {
        let tool = self.proposal.tool;
        AuditEntry {
            timestamp: now_timestamp(),
            bottle_slug: self.slug.to_string(),
            component: tool.component().map_or(tool.name(), Component::name).to_owned(),
            operator_action: action.to_owned(),
            operator_notes: notes,
            justification: self.proposal.justification.clone(),
            diff,
        }
    }

    pub(crate) fn decision_entry(&self) -> AuditEntry {
        self.entry(self.status.name(), self.notes.clone(), self.diff.clone())
    }

    pub(crate) fn failure_entry(&self, why: &str) -> AuditEntry {
        let notes = match self.audited {
            Some(audited) => format!("{ENTRY}{}{NOT_DELIVERED}{why}", audited.audit_id),
            None => format!("{} was rolled back: {why}", self.status),
        };
        self.entry(ACTION_APPLY_FAILED, notes, String::new())
    }

    pub(crate) fn origin(&self) -> AuditOrigin {
        AuditOrigin {
            proposal_id: Some(self.proposal.id.clone()),
            tool: Some(self.proposal.tool.name().to_owned()),
            operator: Some(self.operator.clone()),
            via: Some(self.via.clone()),
            digest: Some(self.digest.clone()),
        }
    }
}

impl Host {
    /// The bottles in which a decision or an edit has not come to its end: one is under way, or a crash left it.
    pub async fn interrupted(&self) -> Result<Vec<Slug>, StoreError> {
        if !self.tables().own {
            return Ok(Vec::new());
        }
        let query = "SELECT DISTINCT bottle_slug FROM supervise_intents ORDER BY bottle_slug";
        let slugs: Vec<String> = self
            .db()
            .read(move |connection| {
                Box::pin(async move { Ok(sqlx::query_scalar(query).fetch_all(&mut connection.sql).await?) })
            })
            .await?;
        Ok(slugs.iter().filter_map(|slug| slug.parse().ok()).collect())
    }

    /// The proposals of a bottle whose decision has not come to its end.
    pub async fn intended(&self, slug: &Slug) -> Result<HashSet<String>, StoreError> {
        if !self.tables().own {
            return Ok(HashSet::new());
        }
        let slug = slug.clone();
        // An operator's own edit has no proposal there, and what it has is no JSON.
        let query = "SELECT proposal ->> 'id' FROM supervise_intents WHERE bottle_slug = ? AND status <> ?";
        let ids: Vec<String> = self
            .db()
            .read(move |connection| {
                Box::pin(async move {
                    let ids = sqlx::query_scalar(query)
                        .bind(slug.as_str())
                        .bind(ACTION_OPERATOR_EDIT);
                    Ok(ids.fetch_all(&mut connection.sql).await?)
                })
            })
            .await?;
        Ok(ids.into_iter().collect())
    }

    pub(crate) async fn intent_insert(&self, intent: Intent) -> Result<(), StoreError> {
        self.db()
            .write(move |connection| Box::pin(insert(connection, intent)))
            .await
    }

    /// Appends the audit entry and marks the intent, in one transaction.
    pub(crate) async fn intent_audit(&self, intent: &Intent, applied: bool) -> Result<AuditedAs, StoreError> {
        let (entry, origin) = (intent.decision_entry(), intent.origin());
        let token = intent.token.clone();
        // What was made of it stands in the entry.
        let modified = (intent.status == Status::Modified).then(|| intent.proposal.clone());
        self.append_chained(move |connection| {
            Box::pin(async move {
                let audit_id = audit::append(connection, &entry, &origin).await?;
                if let Some(proposal) = &modified {
                    audit::proposed::keep(connection, audit_id, proposal).await?;
                }
                let audited = AuditedAs { audit_id, applied };
                mark(&mut connection.sql, &token, audited).await?;
                Ok(audited)
            })
        })
        .await
    }

    /// Appends an entry that says why the decision came to nothing, and forgets the intent. Returns the entry.
    pub(crate) async fn intent_fail(&self, intent: &Intent, why: &str) -> Result<i64, StoreError> {
        let (entry, origin) = (intent.failure_entry(why), intent.origin());
        let token = intent.token.clone();
        self.append_chained(move |connection| {
            Box::pin(async move {
                let audit_id = audit::append(connection, &entry, &origin).await?;
                delete(&mut connection.sql, &token).await?;
                Ok(audit_id)
            })
        })
        .await
    }

    pub(crate) async fn intent_delete(&self, token: &str) -> Result<(), StoreError> {
        let token = token.to_owned();
        self.db()
            .write(move |connection| Box::pin(async move { delete(&mut connection.sql, &token).await }))
            .await
    }

    pub(crate) async fn intents(&self, slug: &Slug) -> Result<Vec<Intent>, StoreError> {
        let slug = slug.clone();
        self.db()
            .read(move |connection| Box::pin(of_bottle(connection, slug)))
            .await
    }
}

pub(crate) async fn delete(sql: &mut SqliteConnection, token: &str) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM supervise_intent_refusals WHERE token = ?",
        "DELETE FROM supervise_intents WHERE token = ?",
    ] {
        sqlx::query(statement).bind(token).execute(&mut *sql).await?;
    }
    Ok(())
}

async fn insert(connection: &mut Connection, intent: Intent) -> Result<(), StoreError> {
    let query = "INSERT INTO supervise_intents (token, bottle_slug, proposal, digest, status, notes,
        final_file, diff, operator, via, effect) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let proposal = serde_json::to_string(&intent.proposal).map_err(unreadable)?;
    if intent.sticky != Sticky::NONE {
        insert_sticky(connection, &intent).await?;
    }
    sqlx::query(query)
        .bind(intent.token)
        .bind(intent.slug.as_str())
        .bind(proposal)
        .bind(intent.digest)
        .bind(intent.status.name())
        .bind(intent.notes)
        .bind(intent.final_file)
        .bind(intent.diff)
        .bind(intent.operator)
        .bind(intent.via)
        .bind(intent.effect)
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn insert_sticky(connection: &mut Connection, intent: &Intent) -> Result<(), StoreError> {
    let query = "INSERT INTO supervise_intent_refusals (token, seconds) VALUES (?, ?)";
    sqlx::query(query)
        .bind(&intent.token)
        .bind(intent.sticky.seconds())
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

/// Marks once only: a step that was given up half-way must not audit what recovery has audited since.
async fn mark(sql: &mut SqliteConnection, token: &str, audited: AuditedAs) -> Result<(), StoreError> {
    let query = "UPDATE supervise_intents SET audit_id = ?, applied = ? WHERE token = ? AND audit_id IS NULL";
    let applied = if audited.applied { "yes" } else { "no" };
    let marked = sqlx::query(query)
        .bind(audited.audit_id)
        .bind(applied)
        .bind(token)
        .execute(sql)
        .await?;
    match marked.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Denied(
            "this decision has come to its end already".to_owned(),
        )),
    }
}

async fn of_bottle(connection: &mut Connection, slug: Slug) -> Result<Vec<Intent>, StoreError> {
    let query =
        "SELECT token, proposal, digest, status, notes, final_file, diff, operator, via, effect, applied,
        audit_id, (SELECT seconds FROM supervise_intent_refusals r WHERE r.token = supervise_intents.token)
        FROM supervise_intents WHERE bottle_slug = ? AND status <> ? ORDER BY rowid";
    let rows = sqlx::query(query)
        .bind(slug.as_str())
        .bind(ACTION_OPERATOR_EDIT)
        .fetch_all(&mut connection.sql)
        .await?;
    rows.iter().map(|row| intent(row, &slug)).collect()
}

fn intent(row: &SqliteRow, slug: &Slug) -> Result<Intent, StoreError> {
    let (proposal, status): (String, String) = (row.try_get(1)?, row.try_get(3)?);
    let applied: Option<String> = row.try_get(10)?;
    let audit_id: Option<i64> = row.try_get(11)?;
    let sticky: Option<u32> = row.try_get(12)?;
    Ok(Intent {
        token: row.try_get(0)?,
        slug: slug.clone(),
        proposal: serde_json::from_str(&proposal).map_err(unreadable)?,
        digest: row.try_get(2)?,
        status: Status::from_name(&status).map_err(unreadable)?,
        notes: row.try_get(4)?,
        sticky: sticky
            .and_then(|seconds| Sticky::from_seconds(seconds.into()))
            .unwrap_or_default(),
        final_file: row.try_get(5)?,
        diff: row.try_get(6)?,
        operator: row.try_get(7)?,
        via: row.try_get(8)?,
        effect: row.try_get(9)?,
        audited: audit_id.map(|audit_id| AuditedAs {
            audit_id,
            applied: applied.as_deref() == Some("yes"),
        }),
    })
}

fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("an interrupted decision: {error}"))
}
