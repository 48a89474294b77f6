//! A long audit log: all but the last entry another program's, adopted by the last.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use supervise_core::{AuditEntry, Root, now_timestamp};
use supervise_store::{AuditOrigin, Host};

use crate::Error;

/// Writes `entries` of the size that an approved route has.
pub(crate) async fn fill(root: &str, entries: i64) -> Result<(), Error> {
    let root = Root::new(root);
    let host = Host::create(&root).await?;
    let options = SqliteConnectOptions::new().filename(root.host_db());
    let mut sql = SqliteConnection::connect_with(&options).await?;
    let statement = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action, operator_notes,
        justification, diff) SELECT strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + i, 'unixepoch') || '.000000+00:00',
        'bench', 'egress', 'approved', '', 'the build downloads its data from there',
        printf('--- routes.yaml (current)\n+++ routes.yaml (proposed)\n@@ -1,2 +1,4 @@\n routes:\n   - host: crates.io\n+  - host: api-%d.example.com\n+    path_allowlist: [\"/v1/\"]', i) FROM n";
    sqlx::query(statement).bind(entries - 1).execute(&mut sql).await?;
    sql.close().await?;
    let entry = AuditEntry {
        timestamp: now_timestamp(),
        bottle_slug: "bench".into(),
        component: "egress".into(),
        operator_action: "approved".into(),
        operator_notes: String::new(),
        justification: String::new(),
        diff: String::new(),
    };
    host.audit_append(entry, AuditOrigin::default()).await?;
    host.close().await;
    Ok(())
}
