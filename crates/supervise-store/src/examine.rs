//! What an examination of an installation asks: answers that nobody audited, and what was left behind.

use std::collections::HashSet;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use supervise_core::{ACTION_APPLY_FAILED, Slug};

use crate::audit::AuditFilter;
use crate::connection::Connection;
use crate::error::StoreError;
use crate::host::Host;
use crate::intents::undelivered;
use crate::queue::Queue;

/// The newest answers of a queue are examined; an older one has been delivered long ago.
const MAX_ANSWERS: i64 = 10_000;

/// An answer as it lies in a queue, whoever wrote it. Texts are raw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenAnswer {
    /// What it answers.
    pub proposal_id: String,
    /// As written; it need not be one that is known.
    pub status: String,
    /// As written.
    pub notes: String,
    /// The proposal's justification; `None` where there is no such proposal.
    pub justification: Option<String>,
}

/// What an examination of a queue found.
#[derive(Debug, Clone, Default)]
pub struct Examined {
    /// Its newest answers, delivered or not.
    pub answers: Vec<WrittenAnswer>,
    /// Tables of ours, and how many of their rows belong to no proposal; only those that have some.
    pub leftovers: Vec<(&'static str, u64)>,
}

/// Who decided what in a bottle, as the audit log has it.
#[derive(Debug, Clone, Default)]
pub struct AuditedDecisions {
    ours: HashSet<(String, String)>,
    others: HashSet<(String, String, String)>,
}

impl AuditedDecisions {
    /// Whether an entry tells of this answer. Another program's entry names no proposal, so it is known by its
    /// action, notes and justification.
    pub fn has(&self, answer: &WrittenAnswer) -> bool {
        let ours = (answer.proposal_id.clone(), answer.status.clone());
        let other = |justification: &String| {
            let entry = (answer.status.clone(), answer.notes.clone(), justification.clone());
            self.others.contains(&entry)
        };
        self.ours.contains(&ours) || answer.justification.as_ref().is_some_and(other)
    }
}

impl Queue {
    /// Looks for answers and for rows that belong to nothing. Changes nothing.
    pub async fn examine(&self) -> Result<Examined, StoreError> {
        self.db().read(|connection| Box::pin(examine(connection))).await
    }
}

impl Host {
    /// The decisions about a bottle's proposals that the audit log tells of. An answer that was in the queue
    /// before this is asked has its entry by now.
    pub async fn audited_decisions(&self, slug: &Slug) -> Result<AuditedDecisions, StoreError> {
        let slug = slug.to_string();
        self.db()
            .read(move |connection| Box::pin(audited(connection, slug)))
            .await
    }

    /// The entries about a bottle whose decision never reached its agent, since the bottle's side was in the way.
    /// Their effects, if they had any, were in force.
    pub async fn undelivered(&self, slug: &Slug) -> Result<Vec<i64>, StoreError> {
        let filter = AuditFilter {
            slug: Some(slug.to_string()),
            action: Some(ACTION_APPLY_FAILED.to_owned()),
            ..AuditFilter::default()
        };
        let failures = self.audit_page(&filter).await?;
        // Only our own entries have an origin.
        let ours = failures.iter().filter(|row| row.origin.proposal_id.is_some());
        Ok(ours
            .filter_map(|row| undelivered(&row.entry.operator_notes))
            .collect())
    }

    /// When the last audit entry was written, as it says; `None` where there is none.
    pub async fn audit_last_at(&self) -> Result<Option<String>, StoreError> {
        self.db().read(|connection| Box::pin(last_at(connection))).await
    }
}

async fn examine(connection: &mut Connection) -> Result<Examined, StoreError> {
    if !connection.tables.shared {
        return Ok(Examined::default());
    }
    let query = concat!(
        "SELECT ",
        word!("r.proposal_id"),
        ", ",
        word!("r.status"),
        ", ",
        text!("r.notes"),
        ", p.id IS NOT NULL, ",
        text!("p.justification"),
        " FROM supervise_responses r LEFT JOIN supervise_proposals p ON p.id = r.proposal_id",
        " ORDER BY r.rowid DESC LIMIT ?"
    );
    let rows = sqlx::query(query)
        .bind(MAX_ANSWERS)
        .fetch_all(&mut connection.sql)
        .await?;
    Ok(Examined {
        answers: rows.iter().map(answer).collect(),
        leftovers: leftovers(connection).await?,
    })
}

fn answer(row: &SqliteRow) -> WrittenAnswer {
    let text = |at: usize| row.try_get::<Option<String>, _>(at).ok().flatten();
    let known = row.try_get::<bool, _>(3).unwrap_or(false);
    WrittenAnswer {
        proposal_id: text(0).unwrap_or_default(),
        status: text(1).unwrap_or_default(),
        notes: text(2).unwrap_or_default(),
        justification: known.then(|| text(4).unwrap_or_default()),
    }
}

async fn leftovers(connection: &mut Connection) -> Result<Vec<(&'static str, u64)>, StoreError> {
    macro_rules! count {
        ($table:literal) => {
            (
                $table,
                concat!(
                    "SELECT count(*) FROM ",
                    $table,
                    " x WHERE NOT EXISTS (SELECT 1 FROM supervise_proposals p WHERE p.id = x.proposal_id)"
                ),
            )
        };
    }
    let mut leftovers = Vec::new();
    if !connection.tables.own {
        return Ok(leftovers);
    }
    for (table, query) in [
        count!("supervise_claims"),
        count!("supervise_joins"),
        count!("supervise_outcomes"),
        count!("supervise_timeouts"),
        count!("supervise_withdrawals"),
    ] {
        let count: i64 = sqlx::query_scalar(query).fetch_one(&mut connection.sql).await?;
        if count > 0 {
            leftovers.push((table, count.unsigned_abs()));
        }
    }
    Ok(leftovers)
}

async fn audited(connection: &mut Connection, slug: String) -> Result<AuditedDecisions, StoreError> {
    macro_rules! select {
        ($proposal:literal, $join:literal) => {
            concat!(
                "SELECT ",
                $proposal,
                ", ",
                word!("e.operator_action"),
                ", ",
                text!("e.operator_notes"),
                ", ",
                text!("e.justification"),
                " FROM supervise_audit_entries e ",
                $join,
                " WHERE e.bottle_slug = ? AND e.operator_action IN ('approved', 'modified', 'rejected')"
            )
        };
    }
    if !connection.tables.shared {
        return Ok(AuditedDecisions::default());
    }
    let query = if connection.tables.own {
        select!(
            "o.proposal_id",
            "LEFT JOIN supervise_audit_origins o ON o.id = e.id"
        )
    } else {
        select!("NULL", "")
    };
    let rows = sqlx::query(query)
        .bind(slug)
        .fetch_all(&mut connection.sql)
        .await?;
    let mut audited = AuditedDecisions::default();
    for row in &rows {
        let text = |at: usize| row.try_get::<Option<String>, _>(at).ok().flatten();
        let action = text(1).unwrap_or_default();
        match text(0) {
            Some(proposal) => {
                audited.ours.insert((proposal, action));
            }
            None => {
                let (notes, justification) = (text(2).unwrap_or_default(), text(3).unwrap_or_default());
                audited.others.insert((action, notes, justification));
            }
        }
    }
    Ok(audited)
}

async fn last_at(connection: &mut Connection) -> Result<Option<String>, StoreError> {
    if !connection.tables.shared {
        return Ok(None);
    }
    let query = concat!(
        "SELECT ",
        word!("e.timestamp"),
        " FROM supervise_audit_entries e ORDER BY e.id DESC LIMIT 1"
    );
    let last: Option<Option<String>> = sqlx::query_scalar(query)
        .fetch_optional(&mut connection.sql)
        .await?;
    Ok(last.flatten())
}
