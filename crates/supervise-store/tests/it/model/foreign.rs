//! What another program writes in plain SQL, and which of it the file's own triggers refuse.

use supervise_core::{Response, Tool, sha256_hex};
use uuid::Uuid;

use super::Foreign;
use super::course::status;
use super::seen::Case;
use super::world::World;
use crate::fixture::sql;

impl World {
    /// Another program's proposal: its own spelling of an old arrival, which sorts before ours.
    pub(super) async fn propose_in_sql(&mut self, number: u8, at: usize) {
        let (id, file) = (Uuid::new_v4().to_string(), format!("payload {number}\n"));
        let statement = format!(
            "INSERT INTO supervise_proposals VALUES ('{id}', 'dev', '{}', '{file}', 'j',
            '2026-01-{:02}T00:00:{:02}+00:00', '{}', 0)",
            Tool::EgressBlock.name(),
            1 + at,
            self.disk.tables.known.len() % 60,
            sha256_hex(&file),
        );
        sql(&mut self.queue_sql, &statement).await.unwrap();
        let stored = self.sidecar.proposal_find(&id).await.unwrap().remove(0);
        self.disk.tables.insert(stored.listed.proposal);
    }

    pub(super) async fn write_in_sql(&mut self, what: Foreign, at: usize) {
        let Some(id) = self.disk.tables.choose(at) else {
            return;
        };
        let tables = &self.disk.tables;
        let (exists, answered) = (tables.rows.contains_key(&id), tables.replies.contains_key(&id));
        match what {
            Foreign::Propose(_) => {}
            Foreign::Respond(verdict) => self.respond_in_sql(&id, verdict).await,
            Foreign::Replace => {
                let replace =
                    "INSERT OR REPLACE INTO supervise_responses SELECT proposal_id, 'approved', 'mine',
                    NULL, 0 FROM supervise_responses WHERE proposal_id =";
                self.must_be(!answered, &format!("{replace} '{id}'")).await;
            }
            Foreign::Archive => self.archive_in_sql(&id).await,
            Foreign::Delete => {
                let archived = tables.rows.get(&id).is_none_or(|row| row.archived);
                let delete = format!("DELETE FROM supervise_proposals WHERE id = '{id}'");
                self.must_be(archived, &delete).await;
                if archived {
                    self.disk.tables.rows.remove(&id);
                }
            }
            Foreign::Rewrite => {
                let rewrite =
                    format!("UPDATE supervise_proposals SET proposed_file = 'more' WHERE id = '{id}'");
                self.must_be(!exists, &rewrite).await;
            }
            Foreign::Claim => self.claim_in_sql(&id).await,
            Foreign::Usurp(verdict) => {
                let Some(claimed) = self.disk.tables.claims.keys().next().cloned() else {
                    return;
                };
                self.unclaim_in_sql(&claimed).await;
                self.respond_in_sql(&claimed, verdict).await;
            }
            Foreign::Unclaim => self.unclaim_in_sql(&id).await,
            Foreign::Unsay => {
                let said = self.disk.audit.is_empty();
                let unsay = sql(&mut self.host_sql, "DELETE FROM supervise_audit_entries").await;
                assert_eq!(unsay.is_ok(), said, "{unsay:?}");
            }
        }
    }

    /// The statement passes, or is refused.
    async fn must_be(&mut self, allowed: bool, statement: &str) {
        let done = sql(&mut self.queue_sql, statement).await;
        assert_eq!(done.is_ok(), allowed, "{done:?}: {statement}");
    }

    async fn respond_in_sql(&mut self, id: &str, verdict: u8) {
        if !self.disk.tables.rows.contains_key(id) {
            return;
        }
        let response = Response {
            proposal_id: id.to_owned(),
            status: status(verdict),
            notes: "by hand".into(),
            final_file: (verdict % 3 < 2).then(|| "payload by hand\n".to_owned()),
        };
        let file = response
            .final_file
            .as_ref()
            .map_or("NULL".into(), |file| format!("'{file}'"));
        let insert = format!(
            "INSERT INTO supervise_responses VALUES ('{id}', '{}', 'by hand', {file}, 0)",
            response.status.name()
        );
        let claimed = self.disk.tables.claims.contains_key(id);
        let allowed = self.disk.tables.respond(response, None);
        if claimed {
            self.seen.note(Case::ForeignRefused);
        }
        self.must_be(allowed, &insert).await;
    }

    async fn archive_in_sql(&mut self, id: &str) {
        let allowed = self.disk.tables.archive(id);
        let proposal = format!("UPDATE supervise_proposals SET archived = 1 WHERE id = '{id}'");
        self.must_be(allowed, &proposal).await;
        if allowed {
            let response = format!("UPDATE supervise_responses SET archived = 1 WHERE proposal_id = '{id}'");
            self.must_be(true, &response).await;
        }
    }

    async fn unclaim_in_sql(&mut self, id: &str) {
        let delete = format!("DELETE FROM supervise_claims WHERE proposal_id = '{id}'");
        self.must_be(true, &delete).await;
        self.disk.tables.claims.remove(id);
    }

    /// A claim that the peer plants, where no decision has begun or ended.
    async fn claim_in_sql(&mut self, id: &str) {
        let pending = self.disk.tables.pending().iter().any(|one| one.id == id);
        if !pending || self.disk.tables.claims.contains_key(id) {
            return;
        }
        let insert = format!("INSERT INTO supervise_claims VALUES ('{id}', 'planted', 'now')");
        self.must_be(true, &insert).await;
        (self.disk.tables.claims).insert(id.to_owned(), "planted".to_owned());
    }

    pub(super) async fn time_passes(&mut self) {
        for statement in [
            "UPDATE supervise_withdrawals SET withdrawn_at = '2026-01-01'",
            "UPDATE supervise_refusals SET refused_at = '2026-01-01T00:00:00.000000+00:00',
                refused_until = '2026-01-01T00:10:00.000000+00:00'",
        ] {
            self.must_be(true, statement).await;
        }
        let tables = &mut self.disk.tables;
        tables.withdrawals.values_mut().for_each(|old| *old = true);
        tables
            .refusals
            .values_mut()
            .for_each(|refused| refused.holds = false);
    }
}
