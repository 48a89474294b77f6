//! Intents: a decision's durable plan between its claim and its answer.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use supervise_core::{ACTION_APPLY_FAILED, AuditEntry, Proposal, Slug, Status, Tool, now_timestamp};

use crate::audit::{self, AuditOrigin};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;

/// Everything that is needed to carry a decision to its end without the operator.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) token: String,
    pub(crate) slug: Slug,
    pub(crate) proposal_id: String,
    pub(crate) digest: String,
    pub(crate) status: Status,
    pub(crate) notes: String,
    pub(crate) final_file: Option<String>,
    pub(crate) diff: String,
    pub(crate) operator: String,
    pub(crate) via: String,
    /// Set with the audit entry.
    pub(crate) audited: Option<AuditedAs>,
}

/// How an intent was audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuditedAs {
    pub(crate) audit_id: i64,
    pub(crate) applied: bool,
}

impl Intent {
    fn entry(&self, proposal: &Proposal) -> AuditEntry {
        let component = proposal
            .tool
            .component()
            .map_or(proposal.tool.name(), |component| component.name());
        AuditEntry {
            timestamp: now_timestamp(),
            bottle_slug: self.slug.to_string(),
            component: component.to_owned(),
            operator_action: self.status.name().to_owned(),
            operator_notes: self.notes.clone(),
            justification: proposal.justification.clone(),
            diff: self.diff.clone(),
        }
    }

    fn origin(&self, tool: Option<Tool>) -> AuditOrigin {
        AuditOrigin {
            proposal_id: Some(self.proposal_id.clone()),
            tool: tool.map(|tool| tool.name().to_owned()),
            operator: Some(self.operator.clone()),
            via: Some(self.via.clone()),
            digest: Some(self.digest.clone()),
        }
    }
}

impl Host {
    /// The bottles in which a decision has not come to its end: one is under way, or a crash left it.
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

    pub(crate) async fn intent_insert(&self, intent: Intent) -> Result<(), StoreError> {
        self.db()
            .write(move |connection| Box::pin(insert(connection, intent)))
            .await
    }

    /// Appends the audit entry and marks the intent, in one transaction.
    pub(crate) async fn intent_audit(
        &self,
        intent: &Intent,
        proposal: &Proposal,
        applied: bool,
    ) -> Result<AuditedAs, StoreError> {
        let (entry, origin) = (intent.entry(proposal), intent.origin(Some(proposal.tool)));
        let token = intent.token.clone();
        self.append_chained(move |connection| {
            Box::pin(async move {
                let audit_id = audit::append(connection, &entry, &origin).await?;
                let audited = AuditedAs { audit_id, applied };
                mark(&mut connection.sql, &token, audited).await?;
                Ok(audited)
            })
        })
        .await
    }

    /// The audit says that the operator decided, but the answer can't be given any more: says that too, and
    /// forgets the intent.
    pub(crate) async fn intent_fail(&self, intent: &Intent, why: &str) -> Result<(), StoreError> {
        let (token, why, failed) = (intent.token.clone(), why.to_owned(), intent.clone());
        self.append_chained(move |connection| {
            Box::pin(async move {
                fail(connection, &failed, why).await?;
                delete(&mut connection.sql, &token).await
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

async fn delete(sql: &mut SqliteConnection, token: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM supervise_intents WHERE token = ?")
        .bind(token)
        .execute(sql)
        .await?;
    Ok(())
}

/// The entry takes component and justification from the one it belongs to.
async fn fail(connection: &mut Connection, intent: &Intent, why: String) -> Result<(), StoreError> {
    let Some(audited) = intent.audited else {
        return Ok(());
    };
    let query = "SELECT component, justification FROM supervise_audit_entries WHERE id = ?";
    let (component, justification): (String, String) = sqlx::query_as(query)
        .bind(audited.audit_id)
        .fetch_one(&mut connection.sql)
        .await?;
    let entry = AuditEntry {
        timestamp: now_timestamp(),
        bottle_slug: intent.slug.to_string(),
        component,
        operator_action: ACTION_APPLY_FAILED.to_owned(),
        operator_notes: format!("entry {} was not delivered: {why}", audited.audit_id),
        justification,
        diff: String::new(),
    };
    audit::append(connection, &entry, &intent.origin(None)).await?;
    Ok(())
}

async fn insert(connection: &mut Connection, intent: Intent) -> Result<(), StoreError> {
    let query = "INSERT INTO supervise_intents (token, bottle_slug, proposal_id, digest, status, notes,
        final_file, diff, operator, via) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(query)
        .bind(intent.token)
        .bind(intent.slug.as_str())
        .bind(intent.proposal_id)
        .bind(intent.digest)
        .bind(intent.status.name())
        .bind(intent.notes)
        .bind(intent.final_file)
        .bind(intent.diff)
        .bind(intent.operator)
        .bind(intent.via)
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn mark(sql: &mut SqliteConnection, token: &str, audited: AuditedAs) -> Result<(), StoreError> {
    let query = "UPDATE supervise_intents SET audit_id = ?, applied = ? WHERE token = ?";
    let applied = if audited.applied { "yes" } else { "no" };
    sqlx::query(query)
        .bind(audited.audit_id)
        .bind(applied)
        .bind(token)
        .execute(sql)
        .await?;
    Ok(())
}

async fn of_bottle(connection: &mut Connection, slug: Slug) -> Result<Vec<Intent>, StoreError> {
    let query = "SELECT token, proposal_id, digest, status, notes, final_file, diff, operator, via, applied,
        audit_id FROM supervise_intents WHERE bottle_slug = ? ORDER BY rowid";
    let rows = sqlx::query(query)
        .bind(slug.as_str())
        .fetch_all(&mut connection.sql)
        .await?;
    rows.iter().map(|row| intent(row, &slug)).collect()
}

fn intent(row: &SqliteRow, slug: &Slug) -> Result<Intent, StoreError> {
    let status: String = row.try_get(3)?;
    let applied: Option<String> = row.try_get(9)?;
    let audit_id: Option<i64> = row.try_get(10)?;
    Ok(Intent {
        token: row.try_get(0)?,
        slug: slug.clone(),
        proposal_id: row.try_get(1)?,
        digest: row.try_get(2)?,
        status: Status::from_name(&status).map_err(|error| StoreError::Corrupt(error.to_string()))?,
        notes: row.try_get(4)?,
        final_file: row.try_get(5)?,
        diff: row.try_get(6)?,
        operator: row.try_get(7)?,
        via: row.try_get(8)?,
        audited: audit_id.map(|audit_id| AuditedAs {
            audit_id,
            applied: applied.as_deref() == Some("yes"),
        }),
    })
}
