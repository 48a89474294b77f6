//! Our triggers bind every program: each statement here is another program's.

use crate::fixture::{Fixture, held, plain, sql};
use supervise_core::AuditEntry;

#[tokio::test]
async fn stored_rows_can_only_be_archived() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let id = held(&queue, "x").await.id().to_owned();
    let mut other = plain(fixture.queue_db()).await;
    let refused = [
        format!("INSERT OR REPLACE INTO supervise_proposals VALUES ('{id}', 'dev', 'egress-allow', 'y', '', '', '', 0)"),
        "INSERT OR REPLACE INTO supervise_proposals (rowid, id, bottle_slug, tool, proposed_file, justification, arrival_timestamp, current_file_hash) VALUES (1, 'z', '', '', '', '', '', '')".into(),
        "UPDATE supervise_proposals SET proposed_file = 'y'".into(),
        "UPDATE OR REPLACE supervise_proposals SET id = 'y'".into(),
        "UPDATE supervise_proposals SET bottle_slug = 'y'".into(),
        "UPDATE supervise_proposals SET tool = 'y'".into(),
        "UPDATE supervise_proposals SET justification = 'y'".into(),
        "UPDATE supervise_proposals SET arrival_timestamp = 'y'".into(),
        "UPDATE supervise_proposals SET current_file_hash = 'y'".into(),
        "UPDATE supervise_proposals SET rowid = 99".into(),
        "UPDATE supervise_proposals SET archived = 2".into(),
        "DELETE FROM supervise_proposals".into(),
    ];
    for statement in refused {
        assert!(sql(&mut other, &statement).await.is_err(), "{statement}");
    }
    assert_eq!(
        queue.proposal_find(&id).await.unwrap()[0]
            .listed
            .proposal
            .proposed_file,
        "x"
    );
    for archive in 0..2 {
        assert_eq!(
            sql(&mut other, "UPDATE supervise_proposals SET archived = 1").await,
            Ok(1),
            "{archive}"
        );
    }
    assert!(
        sql(&mut other, "UPDATE supervise_proposals SET archived = 0")
            .await
            .is_err()
    );
    let late = format!("INSERT INTO supervise_responses VALUES ('{id}', 'approved', '', 'x', 0)");
    assert!(sql(&mut other, &late).await.unwrap_err().contains("archived"));
}

#[tokio::test]
async fn a_response_stands() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let id = held(&queue, "x").await.id().to_owned();
    let mut other = plain(fixture.queue_db()).await;
    let respond = |status| {
        format!("INSERT OR REPLACE INTO supervise_responses VALUES ('{id}', '{status}', '', NULL, 0)")
    };
    sql(&mut other, &respond("rejected")).await.unwrap();
    let refused = [
        respond("approved"),
        "UPDATE supervise_responses SET status = 'approved'".into(),
        "UPDATE supervise_responses SET notes = 'y'".into(),
        "UPDATE supervise_responses SET final_file = 'y'".into(),
        "UPDATE OR REPLACE supervise_responses SET proposal_id = 'y'".into(),
        "INSERT OR REPLACE INTO supervise_responses (rowid, proposal_id, status, notes) VALUES (1, 'z', 'approved', '')".into(),
        "DELETE FROM supervise_responses".into(),
    ];
    for statement in refused {
        assert!(sql(&mut other, &statement).await.is_err(), "{statement}");
    }
    assert_eq!(
        sql(&mut other, "UPDATE supervise_responses SET archived = 1").await,
        Ok(1)
    );
}

#[tokio::test]
async fn audit_entries_are_never_changed() {
    let fixture = Fixture::new();
    let host = fixture.host().await;
    let entry = AuditEntry {
        timestamp: "t".into(),
        bottle_slug: "dev".into(),
        component: "egress".into(),
        operator_action: "operator-edit".into(),
        operator_notes: String::new(),
        justification: String::new(),
        diff: "d".into(),
    };
    assert_eq!(host.audit_append(entry, Default::default()).await.unwrap(), 1);
    let mut other = plain(fixture.root.host_db()).await;
    for table in [
        "supervise_audit_entries",
        "supervise_audit_origins",
        "supervise_audit_chain",
    ] {
        for statement in [
            format!("DELETE FROM {table}"),
            format!("UPDATE {table} SET id = 7"),
            format!("UPDATE OR REPLACE {table} SET id = 1"),
            format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"),
        ] {
            assert!(sql(&mut other, &statement).await.is_err(), "{statement}");
        }
    }
    let foreign = "INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action, operator_notes, justification, diff) VALUES ('t', 'dev', 'egress', 'approved', '', '', '')";
    assert_eq!(sql(&mut other, foreign).await, Ok(1));
}
