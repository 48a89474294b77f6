//! Reading everything back, in plain SQL and through the store, and holding it against the model.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};
use supervise_store::{Against, AuditFilter, audit_verify};

use super::world::World;

/// Rows as text, a bar between columns.
async fn rows(connection: &mut SqliteConnection, columns: &str, table: &str) -> BTreeSet<String> {
    let query = format!("SELECT concat_ws('|', {columns}) FROM {table}");
    let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(connection).await;
    rows.unwrap().iter().map(|row| row.get::<String, _>(0)).collect()
}

fn flag(set: bool) -> u8 {
    u8::from(set)
}

impl World {
    pub(super) async fn token(&mut self, id: &str) -> String {
        let claims = format!("supervise_claims WHERE proposal_id = '{id}'");
        let found = rows(&mut self.queue_sql, "token", &claims).await;
        found.into_iter().next().expect("the claim is stored")
    }

    pub(super) async fn compare(&mut self) {
        self.compare_proposals().await;
        self.compare_beside().await;
        self.compare_page().await;
        self.compare_host().await;
    }

    async fn compare_proposals(&mut self) {
        let tables = &self.disk.tables;
        let expected: BTreeSet<String> = (tables.rows.values())
            .map(|row| {
                let proposal = &row.proposal;
                let (id, arrival) = (&proposal.id, &proposal.arrival_timestamp);
                let (tool, file) = (proposal.tool.name(), &proposal.proposed_file);
                format!("{id}|{tool}|{file}|{arrival}|{}", flag(row.archived))
            })
            .collect();
        let columns = "id, tool, proposed_file, arrival_timestamp, archived";
        let found = rows(&mut self.queue_sql, columns, "supervise_proposals").await;
        assert_eq!(found, expected, "proposals");
        let expected: BTreeSet<String> = (tables.replies.values())
            .map(|reply| {
                let said = &reply.response;
                let (id, status, notes) = (&said.proposal_id, said.status.name(), &said.notes);
                let file = said.final_file.as_deref().unwrap_or("none");
                format!("{id}|{status}|{notes}|{file}|{}", flag(reply.archived))
            })
            .collect();
        let columns = "proposal_id, status, notes, coalesce(final_file, 'none'), archived";
        let found = rows(&mut self.queue_sql, columns, "supervise_responses").await;
        assert_eq!(found, expected, "responses");
    }

    async fn compare_beside(&mut self) {
        let tables = &self.disk.tables;
        let claims = tables
            .claims
            .iter()
            .map(|(id, token)| format!("{id}|{token}"))
            .collect();
        let joins = tables.joins.iter().map(|(id, n)| format!("{id}|{n}")).collect();
        let refused = tables
            .refusals
            .values()
            .map(|one| format!("{}|{}", one.id, one.notes));
        let refused = refused.collect();
        let withdrawn = tables.withdrawals.keys().cloned().collect();
        let timed_out: BTreeSet<String> = tables.timeouts.clone();
        for (table, columns, expected) in [
            ("supervise_claims", "proposal_id, token", claims),
            ("supervise_joins", "proposal_id, joined", joins),
            ("supervise_refusals", "proposal_id, notes", refused),
            ("supervise_withdrawals", "proposal_id", withdrawn),
            ("supervise_timeouts", "proposal_id", timed_out),
        ] {
            let found = rows(&mut self.queue_sql, columns, table).await;
            assert_eq!(found, expected, "{table}");
        }
    }

    async fn compare_page(&self) {
        let tables = &self.disk.tables;
        let page = self.sidecar.proposal_page().await.unwrap();
        let listed: Vec<_> = (page.proposals.iter())
            .map(|one| (&one.proposal, one.joined, one.timed_out))
            .collect();
        let expected: Vec<_> = (tables.pending().into_iter())
            .map(|proposal| {
                let joined = tables.joins.get(&proposal.id).copied().unwrap_or(0);
                (proposal, joined, tables.timeouts.contains(&proposal.id))
            })
            .collect();
        assert_eq!(listed, expected, "what is pending, in order");
        assert_eq!(page.total, expected.len() as u64);
        assert_eq!(page.claimed, !tables.claims.is_empty());
        assert!(page.hidden.is_empty());
    }

    async fn compare_host(&mut self) {
        let plans: BTreeSet<String> = (self.disk.plans.iter())
            .map(|plan| format!("{}|{}|{}", plan.token, plan.id(), flag(plan.audited.is_some())))
            .collect();
        let columns = "token, proposal ->> 'id', audit_id IS NOT NULL";
        let found = rows(&mut self.host_sql, columns, "supervise_intents").await;
        assert_eq!(found, plans, "what is intended");
        let entries = self.reader.audit_page(&AuditFilter::default()).await.unwrap();
        let logged: Vec<_> = (entries.into_iter())
            .map(|row| {
                (
                    row.entry.operator_action,
                    row.origin.proposal_id.unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(logged, self.disk.audit, "the audit log");
    }

    /// The chain is whole, and every answer of ours has its one entry.
    pub(super) async fn verify(&mut self) {
        let verified = audit_verify(&self.fixture.root, &Against::Anchor).await.unwrap();
        assert_eq!(verified.problem, None);
        assert_eq!(verified.chained, self.disk.audit.len() as u64);
        for reply in self.disk.tables.replies.values() {
            let said = &reply.response;
            let entry = (said.status.name().to_owned(), said.proposal_id.clone());
            let entries = self.disk.audit.iter().filter(|one| **one == entry).count();
            assert!(
                reply.applied.is_none() || entries >= 1,
                "an answer without its entry"
            );
        }
        for table in [&mut self.queue_sql, &mut self.host_sql] {
            let whole = sqlx::query("PRAGMA integrity_check")
                .fetch_one(table)
                .await
                .unwrap();
            assert_eq!(whole.get::<String, _>(0), "ok");
        }
    }
}
