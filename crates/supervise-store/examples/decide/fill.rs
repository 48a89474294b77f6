//! Roots full of bottles, and queues with a long history.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use supervise_core::{Proposal, Root, Slug, Tool};
use supervise_store::{Host, Queue, prepare};

use crate::Error;

/// Makes bottles with `pending` proposals each, beside `archived` ones that were decided and delivered. A
/// lone bottle is called `bench`, several are numbered.
pub(crate) async fn fill(root: &str, bottles: usize, pending: usize, archived: i64) -> Result<(), Error> {
    let root = Root::new(root);
    Host::create(&root).await?.close().await;
    for number in 0..bottles {
        let name = if bottles == 1 {
            "bench".to_owned()
        } else {
            format!("bottle-{number}")
        };
        let slug: Slug = name.parse()?;
        let queue = Queue::create(&prepare(&root, &slug)?.queue_dir, &slug).await?;
        queue_history(&root, &slug, archived).await?;
        for number in 0..pending {
            queue.proposal_submit(proposal(&slug, number)).await?;
        }
        queue.close().await;
    }
    Ok(())
}

fn proposal(slug: &Slug, number: usize) -> Proposal {
    let payload = format!("{{\n  \"host\": \"api-{number}.example.com\"\n}}\n");
    Proposal::new(
        slug,
        Tool::EgressAllow,
        payload,
        "the build downloads its data from there".to_owned(),
    )
}

async fn queue_history(root: &Root, slug: &Slug, archived: i64) -> Result<(), Error> {
    if archived == 0 {
        return Ok(());
    }
    let options = SqliteConnectOptions::new().filename(root.queue_db(slug));
    let mut sql = SqliteConnection::connect_with(&options).await?;
    // Responses first: an archived proposal takes none.
    for statement in [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO supervise_responses (proposal_id, status, notes, final_file, archived)
         SELECT printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i), 'approved', '',
         printf('{\"host\": \"host-%d.example.com\"}', i), 1 FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO supervise_proposals SELECT printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i),
         ?2, 'egress-allow', printf('{\"host\": \"host-%d.example.com\"}', i), 'an old request',
         strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + i, 'unixepoch') || '.000000+00:00',
         printf('%064x', i), 1 FROM n",
    ] {
        sqlx::query(statement)
            .bind(archived)
            .bind(slug.as_str())
            .execute(&mut sql)
            .await?;
    }
    Ok(sql.close().await?)
}
