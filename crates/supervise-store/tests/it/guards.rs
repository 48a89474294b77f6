//! What is refused before, or right after, a file is opened.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use sqlx::Connection as _;
use supervise_core::Slug;
use supervise_store::{Bottle, Host, Queue, StoreError, bottles, prepare};

use crate::fixture::{Fixture, held, plain, sql};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn refusal(fixture: &Fixture) -> String {
    for access in ["read-only", "open", "create"] {
        let (dir, slug) = (fixture.queue_dir(), &fixture.slug);
        let opened = match access {
            "read-only" => Queue::open_read_only(&dir, slug).await,
            "open" => Queue::open(&dir, slug).await,
            _ => Queue::create(&dir, slug).await,
        };
        match opened {
            Err(StoreError::Refused { .. }) if access != "create" => {}
            Err(error @ StoreError::Refused { .. }) => return error.to_string(),
            other => panic!("{access}: {other:?}"),
        }
    }
    unreachable!()
}

#[tokio::test]
async fn what_we_make_is_ours_alone() {
    let fixture = Fixture::new();
    let (queue, host) = (fixture.queue().await, fixture.host().await);
    held(&queue, "x").await;
    let lock = host.bottle_lock(&fixture.slug).await.unwrap();
    for dir in [
        fixture.root.path(),
        &fixture.root.queues_dir(),
        &fixture.queue_dir(),
        &fixture.root.locks_dir(),
    ] {
        assert_eq!(mode(dir), 0o700, "{}", dir.display());
    }
    for file in [
        fixture.queue_db(),
        fixture.root.host_db(),
        fixture.root.bottle_lock(lock.slug()),
    ] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_directory_that_is_too_wide_is_narrowed() {
    let fixture = Fixture::new();
    fixture.queue().await.close().await;
    std::fs::set_permissions(fixture.queue_dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    Queue::open_read_only(&fixture.queue_dir(), &fixture.slug)
        .await
        .unwrap();
    assert_eq!(mode(&fixture.queue_dir()), 0o700);
}

#[tokio::test]
async fn nothing_is_made_by_opening_what_is_not_there() {
    let fixture = Fixture::new();
    let missing = |opened: Result<Queue, StoreError>| matches!(opened, Err(StoreError::Missing { .. }));
    assert!(missing(Queue::open(&fixture.queue_dir(), &fixture.slug).await));
    assert!(missing(
        Queue::open_read_only(&fixture.queue_dir(), &fixture.slug).await
    ));
    assert!(Host::open_read_only(&fixture.root).await.unwrap().is_none());
    assert_eq!(bottles(&fixture.root).unwrap(), []);
    assert!(!fixture.root.path().exists());
    prepare(&fixture.root, &fixture.slug).unwrap();
    assert!(missing(Queue::open(&fixture.queue_dir(), &fixture.slug).await));
    assert_eq!(std::fs::read_dir(fixture.queue_dir()).unwrap().count(), 0);
}

#[tokio::test]
async fn links_and_strange_files_are_refused() {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let fixture = Fixture::new();
        fixture.queue().await.close().await;
        let db = fixture.queue_db();
        let target = fixture.root.path().join("target");
        let name = db.with_file_name(format!("supervise.db{suffix}"));
        let _ = std::fs::rename(&name, &target);
        std::fs::write(&target, "").unwrap();
        symlink(&target, &name).unwrap();
        assert!(refusal(&fixture).await.contains("symbolic link"), "{suffix}");
        std::fs::remove_file(&name).unwrap();
        std::fs::hard_link(&target, &name).unwrap();
        assert!(refusal(&fixture).await.contains("2 hard links"), "{suffix}");
        std::fs::remove_file(&name).unwrap();
        std::fs::create_dir(&name).unwrap();
        assert!(refusal(&fixture).await.contains("no regular file"), "{suffix}");
    }
}

#[tokio::test]
async fn a_linked_queue_directory_is_refused() {
    let fixture = Fixture::new();
    fixture.queue().await.close().await;
    let away = fixture.root.path().join("away");
    std::fs::rename(fixture.queue_dir(), &away).unwrap();
    symlink(&away, fixture.queue_dir()).unwrap();
    assert!(refusal(&fixture).await.contains("symbolic link"));
    let listed = bottles(&fixture.root).unwrap();
    assert!(
        matches!(&listed[..], [Bottle::Unusable { why, .. }] if why.contains("symbolic link")),
        "{listed:?}"
    );
}

#[tokio::test]
async fn a_planted_journal_is_refused_and_deletes_nothing() {
    let fixture = Fixture::new();
    fixture.queue().await.close().await;
    let victim = fixture.root.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    let mut journal = vec![0; 512];
    journal.extend(victim.to_str().unwrap().as_bytes());
    journal.extend([0, 0, 0, 9, 0, 0, 0, 0]);
    journal.extend([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    std::fs::write(fixture.queue_dir().join("supervise.db-journal"), journal).unwrap();
    assert!(refusal(&fixture).await.contains("planted journal"));
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
}

#[tokio::test]
async fn foreign_schemas_are_refused_by_name() {
    let cases = [
        (
            "CREATE TRIGGER evil AFTER INSERT ON supervise_proposals BEGIN SELECT 1; END",
            "foreign trigger 'evil'",
        ),
        ("CREATE VIEW evil AS SELECT 1", "foreign view 'evil'"),
        (
            "CREATE INDEX evil ON supervise_responses (notes)",
            "foreign index 'evil'",
        ),
        (
            "CREATE TABLE more (x); CREATE INDEX evil ON more (x)",
            "foreign index 'evil'",
        ),
        (
            "ALTER TABLE supervise_proposals ADD COLUMN evil TEXT",
            "'supervise_proposals' has a foreign shape",
        ),
        (
            "DROP TABLE supervise_claims; CREATE VIEW supervise_claims AS SELECT 1",
            "foreign view 'supervise_claims'",
        ),
        (
            "DROP TRIGGER supervise_responses_once; CREATE TRIGGER supervise_responses_once BEFORE INSERT ON supervise_responses BEGIN SELECT 1; END",
            "foreign trigger 'supervise_responses_once'",
        ),
    ];
    for (statements, expected) in cases {
        let fixture = Fixture::new();
        let running = fixture.queue().await;
        let mut other = plain(fixture.queue_db()).await;
        for statement in statements.split("; CREATE").enumerate() {
            let text = if statement.0 == 0 {
                statement.1.to_owned()
            } else {
                format!("CREATE{}", statement.1)
            };
            sql(&mut other, &text).await.unwrap();
        }
        let message = refusal(&fixture).await;
        assert!(message.contains(expected), "{message}");
        // A queue that was open before writes nothing into it any more.
        let ask = running
            .proposal_ask(crate::fixture::ask("x"), crate::fixture::NO_LIMITS)
            .await;
        assert!(
            matches!(ask, Err(StoreError::Refused { .. })),
            "{statements}: {ask:?}"
        );
    }
}

#[tokio::test]
async fn odd_rows_are_hidden_and_named() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let good = held(&queue, "x").await.id().to_owned();
    let mut other = plain(fixture.queue_db()).await;
    let id = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    let rows = [
        (
            format!("'{}'", id(1)),
            "'other'",
            "'egress-allow'",
            "'f'",
            "names the bottle 'other'",
        ),
        (
            "'no-uuid'".into(),
            "'dev'",
            "'egress-allow'",
            "'f'",
            "'no-uuid' is not a lower-case UUID",
        ),
        (
            format!("'{}'", good.to_uppercase().replace('0', "A")),
            "'dev'",
            "'egress-allow'",
            "'f'",
            "not a lower-case UUID",
        ),
        (
            format!("'{}'", id(2)),
            "'dev'",
            "'sudo'",
            "'f'",
            "names the unknown tool 'sudo'",
        ),
        (
            format!("'{}'", id(3)),
            "'dev'",
            "'egress-allow'",
            "x'00ff'",
            "proposed_file is no text",
        ),
        (
            format!("'{}'", id(4)),
            "'dev'",
            "'egress-allow'",
            "CAST(x'ff' AS TEXT)",
            "proposed_file isn't UTF-8",
        ),
        (
            format!("'{}'", id(5)),
            "'dev'",
            "'egress-allow'",
            "printf('%.*c', 5000000, 'x')",
            "proposed_file is no text, or too long",
        ),
    ];
    for (id, slug, tool, file, _) in &rows {
        let insert = format!(
            "INSERT INTO supervise_proposals VALUES ({id}, {slug}, {tool}, {file}, 'j', 't', 'h', 0)"
        );
        sql(&mut other, &insert).await.unwrap();
    }
    let page = Queue::open_read_only(&fixture.queue_dir(), &fixture.slug)
        .await
        .unwrap()
        .proposal_page()
        .await
        .unwrap();
    assert_eq!(
        page.proposals
            .iter()
            .map(|listed| listed.proposal.id.as_str())
            .collect::<Vec<_>>(),
        [good.as_str()]
    );
    assert_eq!((page.total, page.hidden.len()), (1, rows.len()));
    for (_, _, _, _, expected) in rows {
        assert!(
            page.hidden.iter().any(|hidden| hidden.reason.contains(expected)),
            "{expected}: {:?}",
            page.hidden
        );
    }
    for n in 1..=5 {
        assert_eq!(queue.proposal_find(&id(n)).await.unwrap(), []);
        assert!(
            fixture
                .decide(&id(n), supervise_store::Verdict::Approve)
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn a_queue_of_the_other_program_is_read_without_being_changed() {
    let fixture = Fixture::new();
    prepare(&fixture.root, &fixture.slug).unwrap();
    let mut other = plain(fixture.queue_db()).await;
    for statement in [
        "CREATE TABLE supervise_proposals (id TEXT PRIMARY KEY, bottle_slug TEXT NOT NULL, tool TEXT NOT NULL, proposed_file TEXT NOT NULL, justification TEXT NOT NULL, arrival_timestamp TEXT NOT NULL, current_file_hash TEXT NOT NULL, archived INTEGER NOT NULL DEFAULT 0)",
        "CREATE TABLE supervise_responses (proposal_id TEXT PRIMARY KEY, status TEXT NOT NULL, notes TEXT NOT NULL, final_file TEXT, archived INTEGER NOT NULL DEFAULT 0)",
        "INSERT INTO supervise_proposals VALUES ('00000000-0000-4000-8000-000000000001', 'dev', 'egress-block', 'f', 'j', 't', 'h', 0)",
    ] {
        sql(&mut other, statement).await.unwrap();
    }
    let before = std::fs::read(fixture.queue_db()).unwrap();
    let queue = Queue::open_read_only(&fixture.queue_dir(), &fixture.slug)
        .await
        .unwrap();
    assert_eq!(queue.proposal_page().await.unwrap().total, 1);
    assert_eq!(queue.proposal_find("00000000").await.unwrap().len(), 1);
    assert_eq!(std::fs::read(fixture.queue_db()).unwrap(), before);
    let decided = fixture
        .decide(
            "00000000-0000-4000-8000-000000000001",
            supervise_store::Verdict::Approve,
        )
        .await;
    assert!(decided.is_ok(), "{decided:?}");
}

#[tokio::test]
async fn names_that_are_no_slugs_are_unusable_bottles() {
    let fixture = Fixture::new();
    fixture.queue().await;
    std::fs::create_dir(fixture.root.queues_dir().join("Not A Slug")).unwrap();
    std::fs::create_dir(fixture.root.queues_dir().join("empty")).unwrap();
    std::fs::write(fixture.root.queues_dir().join("a-file"), "").unwrap();
    let names: Vec<String> = bottles(&fixture.root)
        .unwrap()
        .iter()
        .map(|bottle| match bottle {
            Bottle::Queue(slug, _) => slug.to_string(),
            Bottle::Unusable { name, .. } => format!("!{name}"),
        })
        .collect();
    assert_eq!(names, ["!Not A Slug", "dev"]);
    assert!("Not A Slug".parse::<Slug>().is_err());
}

#[tokio::test]
async fn a_reader_reads_on_after_a_writer_died_in_the_middle() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    drop(held(&queue, "x").await);
    queue.close().await;
    let reader = Queue::open_read_only(&fixture.queue_dir(), &fixture.slug)
        .await
        .unwrap();
    let pending = async || reader.proposal_page().await.unwrap().proposals.len();
    assert_eq!(pending().await, 1);

    // What a writer has on the disk in the middle of a transaction that is larger than its memory.
    let files = ["supervise.db", "supervise.db-journal"].map(|name| fixture.queue_dir().join(name));
    let mut writer = plain(fixture.queue_db()).await;
    let insert = "INSERT INTO supervise_proposals (id, bottle_slug, tool, proposed_file, justification,
            arrival_timestamp, current_file_hash, archived)
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500)
        SELECT printf('%08x-0000-4000-8000-000000000000', n), bottle_slug, tool, proposed_file || hex(zeroblob(2000)),
            justification, arrival_timestamp, current_file_hash, archived FROM supervise_proposals, n";
    for statement in ["PRAGMA cache_size = 2", "BEGIN IMMEDIATE", insert] {
        sql(&mut writer, statement).await.unwrap();
    }
    let crashed = files.clone().map(|file| std::fs::read(file).unwrap());
    sql(&mut writer, "ROLLBACK").await.unwrap();
    writer.close().await.unwrap();
    for (file, bytes) in files.iter().zip(crashed) {
        std::fs::write(file, bytes).unwrap();
    }

    assert_eq!(pending().await, 1);
    assert!(!files[1].exists());
}
