//! A long audit log, made at once and by its description in the documents alone, for whoever wants to tamper
//! with it.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use supervise_core::FieldHasher;
use supervise_store::{Against, Host, Verified};

use crate::fixture::{Fixture, plain};

/// A log, and whoever has the file open beside it with all triggers dropped.
pub(crate) struct Log {
    pub(crate) fixture: Fixture,
    pub(crate) host: Host,
    pub(crate) attacker: SqliteConnection,
    pub(crate) anchor: String,
    pub(crate) entries: i64,
}

const TABLES: [&str; 4] = [
    "supervise_audit_entries",
    "supervise_audit_origins",
    "supervise_audit_chain",
    "sqlite_sequence",
];

/// Every tenth entry is another program's, adopted by the one behind it.
pub(crate) fn is_adopted(id: i64) -> bool {
    id % 10 == 5
}

impl Log {
    pub(crate) async fn of(entries: i64) -> Log {
        let fixture = Fixture::new();
        fixture.host().await.close().await;
        let mut attacker = plain(fixture.root.host_db()).await;
        let anchor = write(&mut attacker, entries).await;
        std::fs::create_dir_all(fixture.root.audit_dir()).unwrap();
        std::fs::write(fixture.root.chain_log(), &anchor).unwrap();
        let host = Host::open_read_only(&fixture.root).await.unwrap().unwrap();
        let mut log = Log {
            fixture,
            host,
            attacker,
            anchor,
            entries,
        };
        log.prepare().await;
        log
    }

    /// Drops the guards, and remembers how everything was.
    async fn prepare(&mut self) {
        self.sql("PRAGMA synchronous = OFF; ATTACH ':memory:' AS was")
            .await;
        for table in TABLES {
            self.sql(&format!(
                "CREATE TABLE was.was_{table} AS SELECT * FROM main.{table}"
            ))
            .await;
            for kind in ["once", "fixed", "kept"] {
                self.sql(&format!("DROP TRIGGER IF EXISTS {table}_{kind}")).await;
            }
        }
        for table in &TABLES[..3] {
            self.sql(&format!("CREATE UNIQUE INDEX was.by_{table} ON was_{table} (id)"))
                .await;
        }
    }

    pub(crate) async fn sql(&mut self, statements: &str) {
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
            .execute(&mut self.attacker)
            .await
            .unwrap();
    }

    pub(crate) async fn verify(&self) -> Verified {
        self.host.audit_verify(&Against::Anchor).await.unwrap()
    }

    /// Puts back every row from `id` to `last`, and everything that is no row.
    pub(crate) async fn restore(&mut self, id: i64, last: i64) {
        let mut undo = String::from("BEGIN IMMEDIATE;");
        for table in &TABLES[..3] {
            let range = format!("id BETWEEN {id} AND {last}");
            let _ = write!(
                undo,
                "DELETE FROM main.{table} WHERE {range} OR id < 1 OR id > {end};
                 INSERT INTO main.{table} SELECT * FROM was.was_{table} WHERE {range};",
                end = self.entries
            );
        }
        undo += "DELETE FROM sqlite_sequence; INSERT INTO sqlite_sequence SELECT * FROM was.was_sqlite_sequence; COMMIT";
        self.sql(&undo).await;
        std::fs::write(self.fixture.root.chain_log(), &self.anchor).unwrap();
    }

    pub(crate) fn set_anchor(&self, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        let text: String = lines
            .into_iter()
            .map(|line| format!("{}\n", line.as_ref()))
            .collect();
        std::fs::write(self.fixture.root.chain_log(), text).unwrap();
    }
}

/// Writes the log; the anchor's text.
async fn write(sql: &mut SqliteConnection, entries: i64) -> String {
    let mut transaction = sql.begin().await.unwrap();
    let (mut anchor, mut prev) = (String::new(), String::new());
    for id in 1..=entries {
        let columns = [
            format!("2026-11-20T23:23:57.{id:06}+00:00"),
            format!("bottle-{}", id % 7),
            "egress".to_owned(),
            "approved".to_owned(),
            format!("note {id}"),
            format!("the build needs it, {id}"),
            format!(
                "--- routes.yaml (current)\n+++ routes.yaml (proposed)\n@@ -1 +1,2 @@\n routes:\n+  - host: h{id}"
            ),
        ];
        let query = "INSERT INTO supervise_audit_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let insert = columns
            .iter()
            .fold(sqlx::query(query).bind(id), |query, column| query.bind(column));
        insert.execute(&mut *transaction).await.unwrap();
        let origin = (!is_adopted(id)).then(|| {
            let text = |text: &str| Some(text.to_owned());
            let digest = (id % 3 > 0).then(|| format!("{id:064x}"));
            [
                text(&format!("{id:08x}")),
                text("egress-allow"),
                text("ada"),
                text("approve"),
                digest,
            ]
        });
        if let Some(origin) = &origin {
            let query = "INSERT INTO supervise_audit_origins VALUES (?, ?, ?, ?, ?, ?)";
            let insert = origin
                .iter()
                .fold(sqlx::query(query).bind(id), |query, column| query.bind(column));
            insert.execute(&mut *transaction).await.unwrap();
        }
        let hash = hash(&prev, id, &columns, &origin.unwrap_or_default());
        sqlx::query("INSERT INTO supervise_audit_chain VALUES (?, ?, ?, ?)")
            .bind(id)
            .bind(&prev)
            .bind(&hash)
            .bind(is_adopted(id))
            .execute(&mut *transaction)
            .await
            .unwrap();
        let _ = writeln!(anchor, "{id} {hash}");
        prev = hash;
    }
    transaction.commit().await.unwrap();
    anchor
}

fn hash(prev: &str, id: i64, columns: &[String], origin: &[Option<String>; 5]) -> String {
    let hasher = FieldHasher::new(b"supervise-audit-v1\0")
        .field(prev)
        .field(id.to_be_bytes());
    let hasher = columns.iter().fold(hasher, |hasher, column| hasher.field(column));
    let hasher = origin
        .iter()
        .fold(hasher, |hasher, column| hasher.optional(column.as_deref()));
    let kind = if is_adopted(id) { "adopted" } else { "ours" };
    hasher.field(kind).finish().to_string()
}
