//! An operator's own edit: the steps of a decision but for its proposal, so nothing is claimed or answered.
//!
//! Its plan stands among the intents of decisions: as status it has the audit's action, and where a decision
//! has its proposal it has the component that is edited.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::{ACTION_APPLY_FAILED, ACTION_OPERATOR_EDIT, AuditEntry, Slug, now_timestamp};
use uuid::Uuid;

use crate::audit::{self, AuditOrigin};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;
use crate::intents::delete;
use crate::lock::BottleLock;

/// An edit, and everything that is needed to carry it to its end without the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditRequest {
    /// What is edited: a [`Component`](supervise_core::Component)'s name.
    pub component: String,
    /// The operator's words for the audit log.
    pub notes: String,
    /// Current to final, for the audit log.
    pub diff: String,
    /// Who edits.
    pub operator: String,
    /// With which command.
    pub via: String,
    /// What the caller means to change, in whatever words it needs to finish or undo it after a crash.
    pub effect: String,
}

/// The edit survives a crash. Carry out its effect now, then audit it.
#[derive(Debug)]
pub struct IntendedEdit {
    host: Host,
    lock: BottleLock,
    token: String,
    request: EditRequest,
}

impl Host {
    /// Writes down the whole edit before anything happens.
    pub async fn edit_intend(
        &self,
        lock: BottleLock,
        request: EditRequest,
    ) -> Result<IntendedEdit, StoreError> {
        let edit = IntendedEdit {
            host: self.clone(),
            lock,
            token: Uuid::new_v4().to_string(),
            request,
        };
        let (token, slug, request) = (edit.token.clone(), edit.slug().clone(), edit.request.clone());
        self.db()
            .write(move |connection| Box::pin(insert(connection, token, slug, request)))
            .await?;
        Ok(edit)
    }

    /// The bottle's interrupted edits, each to be audited, failed or undone before anything else is done there.
    /// Call it right after taking the lock; [`Host::recover`] has them too.
    pub async fn edits_interrupted(&self, lock: &BottleLock) -> Result<Vec<IntendedEdit>, StoreError> {
        let slug = lock.slug().clone();
        let found = self
            .db()
            .read(move |connection| Box::pin(of_bottle(connection, slug)))
            .await?;
        let edit = |(token, request)| IntendedEdit {
            host: self.clone(),
            lock: lock.clone(),
            token,
            request,
        };
        Ok(found.into_iter().map(edit).collect())
    }
}

impl IntendedEdit {
    /// The bottle.
    pub fn slug(&self) -> &Slug {
        self.lock.slug()
    }

    /// What was written down as the effect.
    pub fn effect(&self) -> &str {
        &self.request.effect
    }

    /// The effect has succeeded: appends the audit entry, and returns its number. On an error the plan is kept,
    /// and the next to take the lock comes back to it.
    pub async fn audit(self) -> Result<i64, StoreError> {
        let (notes, diff) = (self.request.notes.clone(), self.request.diff.clone());
        let entry = self.entry(ACTION_OPERATOR_EDIT, notes, diff);
        self.end_with(entry).await
    }

    /// The effect has failed and is rolled back: the audit says why. Returns the entry's number.
    pub async fn fail(self, why: &str) -> Result<i64, StoreError> {
        let notes = format!("{ACTION_OPERATOR_EDIT} was rolled back: {why}");
        let entry = self.entry(ACTION_APPLY_FAILED, notes, String::new());
        self.end_with(entry).await
    }

    /// Nothing was done.
    pub async fn undo(self) -> Result<(), StoreError> {
        self.host.intent_delete(&self.token).await
    }

    fn entry(&self, action: &str, operator_notes: String, diff: String) -> AuditEntry {
        AuditEntry {
            timestamp: now_timestamp(),
            bottle_slug: self.slug().to_string(),
            component: self.request.component.clone(),
            operator_action: action.to_owned(),
            operator_notes,
            justification: String::new(),
            diff,
        }
    }

    /// The entry and the plan's end are one transaction: an edit is audited once.
    async fn end_with(self, entry: AuditEntry) -> Result<i64, StoreError> {
        let origin = AuditOrigin {
            operator: Some(self.request.operator),
            via: Some(self.request.via),
            ..AuditOrigin::default()
        };
        let token = self.token;
        self.host
            .append_chained(move |connection| {
                Box::pin(async move {
                    let id = audit::append(connection, &entry, &origin).await?;
                    delete(&mut connection.sql, &token).await?;
                    Ok(id)
                })
            })
            .await
    }
}

async fn insert(
    connection: &mut Connection,
    token: String,
    slug: Slug,
    request: EditRequest,
) -> Result<(), StoreError> {
    let query = "INSERT INTO supervise_intents (token, bottle_slug, proposal, digest, status, notes,
        diff, operator, via, effect) VALUES (?, ?, ?, '', ?, ?, ?, ?, ?, ?)";
    sqlx::query(query)
        .bind(token)
        .bind(slug.as_str())
        .bind(request.component)
        .bind(ACTION_OPERATOR_EDIT)
        .bind(request.notes)
        .bind(request.diff)
        .bind(request.operator)
        .bind(request.via)
        .bind(request.effect)
        .execute(&mut connection.sql)
        .await?;
    Ok(())
}

async fn of_bottle(
    connection: &mut Connection,
    slug: Slug,
) -> Result<Vec<(String, EditRequest)>, StoreError> {
    let query = "SELECT token, proposal, notes, diff, operator, via, effect FROM supervise_intents
        WHERE bottle_slug = ? AND status = ? ORDER BY rowid";
    let rows = sqlx::query(query)
        .bind(slug.as_str())
        .bind(ACTION_OPERATOR_EDIT)
        .fetch_all(&mut connection.sql)
        .await?;
    rows.iter().map(edit).collect()
}

fn edit(row: &SqliteRow) -> Result<(String, EditRequest), StoreError> {
    let request = EditRequest {
        component: row.try_get(1)?,
        notes: row.try_get(2)?,
        diff: row.try_get(3)?,
        operator: row.try_get(4)?,
        via: row.try_get(5)?,
        effect: row.try_get(6)?,
    };
    Ok((row.try_get(0)?, request))
}
