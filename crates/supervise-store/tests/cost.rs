//! What the two hot paths cost, counted and never timed: transactions, threads and bytes read.
//!
//! The counts are of the whole process, so this is a binary of its own with a single test in it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that fails should panic where it fails")]

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use supervise_core::{Ask, Slug, Tool};
use supervise_store::{Asked, Hold, Limits, Outcome, Queue};

const NO_LIMITS: Limits = Limits {
    max_pending: 0,
    max_per_minute: 0,
    max_queue_bytes: 0,
};

async fn held(queue: Queue, payload: String) -> Hold {
    let ask = Ask {
        tool: Tool::EgressAllow,
        proposed_file: payload,
        justification: "j".into(),
    };
    match queue.proposal_ask(ask, NO_LIMITS).await.unwrap() {
        Asked::Held(hold) => hold,
        other => panic!("{other:?}"),
    }
}

/// Asks `count` different things at once.
async fn held_at_once(queue: &Queue, name: &str, count: usize) -> Vec<Hold> {
    let asks: Vec<_> = (0..count)
        .map(|n| tokio::spawn(held(queue.clone(), format!("{name} {n}"))))
        .collect();
    let mut holds = Vec::new();
    for ask in asks {
        holds.push(ask.await.unwrap());
    }
    holds
}

/// How many transactions have changed the file: the change counter in its header. Only for a file that
/// nobody in this process has open, since closing it would drop the process's locks.
fn transactions(database: &Path) -> u32 {
    let header = std::fs::read(database).unwrap();
    u32::from_be_bytes(header[24..28].try_into().unwrap())
}

fn proc_number(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(Path::new("/proc/self").join(file)).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The least of some wakes: the poll, which looks at each held proposal, may fall into one of them.
async fn least_bytes_per_wake(queue: &Queue, operator: &mut SqliteConnection, holds: &mut [Hold]) -> u64 {
    let mut least = u64::MAX;
    for hold in holds {
        least = least.min(bytes_per_wake(queue, operator, hold).await);
    }
    least
}

/// Bytes the process reads from files until one held call is answered and the watcher has gone back to sleep.
async fn bytes_per_wake(queue: &Queue, operator: &mut SqliteConnection, hold: &mut Hold) -> u64 {
    let before = proc_number("io", "rchar");
    let respond = format!(
        "INSERT INTO supervise_responses VALUES ('{}', 'approved', '', 'x', 0)",
        hold.id()
    );
    sqlx::query(AssertSqlSafe(respond))
        .execute(operator)
        .await
        .unwrap();
    assert!(matches!(hold.outcome().await, Outcome::Decided(_)));
    queue.check_health().await.unwrap();
    proc_number("io", "rchar") - before
}

#[tokio::test]
async fn asking_and_waiting_cost_what_they_must() {
    let dir = tempfile::tempdir().unwrap();
    let slug: Slug = "dev".parse().unwrap();
    let database = dir.path().join("supervise.db");
    Queue::create(dir.path(), &slug).await.unwrap().close().await;
    let before = transactions(&database);

    // Queueing: calls that come together share their transactions.
    let queue = Queue::create(dir.path(), &slug).await.unwrap();
    drop(held_at_once(&queue, "together", 256).await);
    queue.close().await;
    let spent = transactions(&database) - before;
    assert!(spent <= 8, "256 proposals at once took {spent} transactions");

    // Waiting: a held call has no thread, and a wake reads what is new, not what is held.
    let queue = Queue::create(dir.path(), &slug).await.unwrap();
    let mut operator = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&database))
        .await
        .unwrap();
    let mut few = held_at_once(&queue, "few", 4).await;
    let threads = proc_number("status", "Threads:");
    let with_few = least_bytes_per_wake(&queue, &mut operator, &mut few).await;
    let mut many = held_at_once(&queue, "many", 2000).await;
    assert_eq!(proc_number("status", "Threads:"), threads);
    let with_many = least_bytes_per_wake(&queue, &mut operator, &mut many[..4]).await;
    let pages = 16 * 4096;
    assert!(
        with_many <= with_few + pages,
        "a wake read {with_few} bytes with 4 held, {with_many} with 2004"
    );
}
