//! Rows as another program, or the bottle itself, may have written them: read, never believed.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{Connection as _, Sqlite};
use supervise_core::Slug;
use supervise_store::Queue;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;

/// A value of any type that SQLite knows.
#[derive(Debug, Clone, Arbitrary)]
enum Cell<'a> {
    Text(&'a str),
    Blob(&'a [u8]),
    Integer(i64),
    Real(f64),
    /// What a good row would have there.
    Good,
}

#[derive(Debug, Arbitrary)]
struct Row<'a> {
    cells: [Cell<'a>; 7],
    archived: i8,
}

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    proposals: Vec<Row<'a>>,
    response: Option<[Cell<'a>; 4]>,
}

struct World {
    runtime: Runtime,
    foreign: Mutex<SqliteConnection>,
    queue: Queue,
    _dir: TempDir,
}

const GOOD: [&str; 7] = [
    "6f7d3a2e-9c41-4b8e-8f5a-2d1c0b9e7a63",
    "dev",
    "egress-allow",
    "{\n  \"host\": \"api.example.com\"\n}\n",
    "the tests need it",
    "2026-11-20T23:23:57.110789+00:00",
    "",
];
const GOOD_RESPONSE: [&str; 4] = [GOOD[0], "approved", "", "{}"];

/// The tables as the other program makes them.
const TABLES: &str = "CREATE TABLE supervise_proposals(id TEXT PRIMARY KEY, bottle_slug TEXT NOT NULL, \
    tool TEXT NOT NULL, proposed_file TEXT NOT NULL, justification TEXT NOT NULL, arrival_timestamp TEXT NOT NULL, \
    current_file_hash TEXT NOT NULL, archived INTEGER NOT NULL DEFAULT 0); \
    CREATE TABLE supervise_responses(proposal_id TEXT PRIMARY KEY, status TEXT NOT NULL, notes TEXT NOT NULL, \
    final_file TEXT, archived INTEGER NOT NULL DEFAULT 0)";

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    let slug: Slug = "dev".parse().expect("a slug");
    let (queue, foreign) = runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(dir.path().join("supervise.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Delete)
            .pragma("synchronous", "OFF");
        let mut foreign = SqliteConnection::connect_with(&options)
            .await
            .expect("a connection");
        sqlx::raw_sql(TABLES).execute(&mut foreign).await.expect("tables");
        let queue = Queue::open_read_only(dir.path(), &slug).await.expect("a reader");
        (queue, foreign)
    });
    World {
        runtime,
        foreign: Mutex::new(foreign),
        queue,
        _dir: dir,
    }
});

type Insert<'q> = Query<'q, Sqlite, SqliteArguments>;

fn bound<'q>(insert: Insert<'q>, cell: &Cell<'q>, good: &'q str) -> Insert<'q> {
    match cell {
        Cell::Text(text) => insert.bind(*text),
        Cell::Blob(bytes) => insert.bind(*bytes),
        Cell::Integer(number) => insert.bind(*number),
        Cell::Real(number) => insert.bind(*number),
        Cell::Good => insert.bind(good),
    }
}

/// Replaces all rows. One that the tables themselves refuse isn't there.
async fn write(foreign: &mut SqliteConnection, input: &Input<'_>) {
    sqlx::raw_sql("BEGIN; DELETE FROM supervise_proposals; DELETE FROM supervise_responses")
        .execute(&mut *foreign)
        .await
        .expect("emptied");
    for row in &input.proposals {
        let insert = sqlx::query("INSERT OR IGNORE INTO supervise_proposals VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
        let cells = row.cells.iter().zip(GOOD);
        let insert = cells.fold(insert, |insert, (cell, good)| bound(insert, cell, good));
        let _ = insert.bind(i64::from(row.archived)).execute(&mut *foreign).await;
    }
    if let Some(cells) = &input.response {
        let insert = sqlx::query("INSERT OR IGNORE INTO supervise_responses VALUES (?, ?, ?, ?, 0)");
        let cells = cells.iter().zip(GOOD_RESPONSE);
        let insert = cells.fold(insert, |insert, (cell, good)| bound(insert, cell, good));
        let _ = insert.execute(&mut *foreign).await;
    }
    sqlx::raw_sql("COMMIT").execute(foreign).await.expect("committed");
}

fuzz_target!(|input: Input<'_>| {
    let world = &*WORLD;
    world.runtime.block_on(async {
        let mut foreign = world.foreign.lock().await;
        write(&mut foreign, &input).await;
        // Nothing but the two answers: a page, or an error that says why not.
        if let Ok(page) = world.queue.proposal_page().await {
            for listed in &page.proposals {
                assert_eq!(listed.proposal.bottle_slug, "dev");
                assert!(supervise_core::is_proposal_id(&listed.proposal.id));
                let _ = listed.proposal.digest();
            }
        }
        let _ = world.queue.proposal_find(GOOD[0]).await;
    });
});
