//! The walk through the database: a page of entries at a time, in the caller's transaction.

use crate::anchor::AnchorLines;
use crate::connection::Connection;
use crate::error::StoreError;
use crate::verify::packed::Page;
use crate::verify::walk::{Lag, Scope, Seen, Walk};
use crate::verify::{Problem, Verified, Wrong};

/// Lines and side rows without an entry: the first of each.
#[derive(Debug, Default)]
struct Orphans {
    line: Option<i64>,
    origin: Option<i64>,
    proposal: Option<i64>,
}

impl Orphans {
    /// The problem at the first of them, if it comes before the entry `id`.
    fn before(&self, id: i64) -> Option<Problem> {
        let first = self
            .line
            .into_iter()
            .chain(self.origin)
            .chain(self.proposal)
            .min()?;
        (first < id).then(|| Problem::at(first, Wrong::Missing))
    }
}

pub(super) async fn verify(
    connection: &mut Connection,
    mut anchor: Option<(AnchorLines, Lag)>,
) -> Result<Verified, StoreError> {
    // The transaction has begun, so the chain stays as it is.
    if let Some((lines, _)) = &mut anchor {
        lines.settle()?;
    }
    let has_anchor = anchor.is_some();
    let mut walk = Walk::new(Scope::Whole, anchor);
    if let Some(problem) = all(connection, &mut walk).await? {
        return Ok(walk.stop(Some(problem)));
    }
    let mut verified = walk.finish()?;
    if verified.problem.is_none() && verified.chained > 0 && !has_anchor {
        let wrong = Wrong::AnchorMissing;
        verified.problem = Some(Problem { id: None, wrong });
    }
    Ok(verified)
}

async fn all(connection: &mut Connection, walk: &mut Walk) -> Result<Option<Problem>, StoreError> {
    if !connection.tables.shared {
        return Ok(None);
    }
    let orphans = orphans(connection).await?;
    let mut last_id = 0;
    let mut page = Page::read(connection, i64::MIN).await?;
    while let Some(read) = page {
        last_id = read.last_id;
        let next = async {
            match last_id.checked_add(1) {
                Some(from) => Page::read(connection, from).await,
                None => Ok(None),
            }
        };
        // SQLite's thread reads the next page while this one is hashed.
        let (next, stopped) = tokio::join!(next, async { stop_at(&read, &orphans, walk) });
        if let Some((problem, seen)) = stopped? {
            return match seen {
                Some(seen) => refined(connection, walk, &seen, problem).await.map(Some),
                None => Ok(Some(problem)),
            };
        }
        page = next?;
    }
    match orphans.before(i64::MAX) {
        Some(problem) => Ok(Some(problem)),
        None => cut_off(connection, last_id).await,
    }
}

/// The first problem of a page, and the entry whose line doesn't fit.
fn stop_at(
    page: &Page,
    orphans: &Orphans,
    walk: &mut Walk,
) -> Result<Option<(Problem, Option<Seen<'static>>)>, StoreError> {
    for seen in page.entries()? {
        if let Some(problem) = orphans.before(seen.id) {
            return Ok(Some((problem, None)));
        }
        if let Err(problem) = walk.step(&seen)? {
            return Ok(Some((problem, Some(seen))));
        }
    }
    Ok(None)
}

async fn orphans(connection: &mut Connection) -> Result<Orphans, StoreError> {
    macro_rules! first {
        ($table:literal) => {
            concat!(
                "SELECT min(x.id) FROM ",
                $table,
                " x WHERE NOT EXISTS (SELECT 1 FROM supervise_audit_entries e WHERE e.id = x.id)"
            )
        };
    }
    if !connection.tables.own {
        return Ok(Orphans::default());
    }
    let proposal = match connection.tables.added {
        true => first(connection, first!("supervise_audit_proposals")).await?,
        false => None,
    };
    Ok(Orphans {
        proposal,
        line: first(connection, first!("supervise_audit_chain")).await?,
        origin: first(connection, first!("supervise_audit_origins")).await?,
    })
}

async fn first(connection: &mut Connection, query: &'static str) -> Result<Option<i64>, StoreError> {
    connection.start_statement();
    Ok(sqlx::query_scalar(query).fetch_one(&mut connection.sql).await?)
}

/// SQLite remembers the highest number it gave, and takes it back with a transaction that was rolled back.
async fn cut_off(connection: &mut Connection, last_id: i64) -> Result<Option<Problem>, StoreError> {
    let counts = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'";
    connection.start_statement();
    let counts: Option<i64> = sqlx::query_scalar(counts)
        .fetch_optional(&mut connection.sql)
        .await?;
    if counts.is_none() {
        return Ok(None);
    }
    let given =
        "SELECT CAST(max(seq) AS INTEGER) FROM sqlite_sequence WHERE name = 'supervise_audit_entries'";
    let last = first(connection, given).await?.unwrap_or(0);
    Ok((last > last_id).then(|| Problem::at(last_id + 1, Wrong::TailCut { last })))
}

/// Looks around a line that doesn't fit for what has been changed: the entry, or its hash.
async fn refined(
    connection: &mut Connection,
    walk: &Walk,
    seen: &Seen<'_>,
    problem: Problem,
) -> Result<Problem, StoreError> {
    let (Wrong::Changed, Some(line)) = (&problem.wrong, &seen.line) else {
        return Ok(problem);
    };
    connection.start_statement();
    let next = "SELECT CAST(prev AS BLOB) FROM supervise_audit_chain WHERE id > ? ORDER BY id LIMIT 1";
    let next: Option<Vec<u8>> = sqlx::query_scalar(next)
        .bind(seen.id)
        .fetch_optional(&mut connection.sql)
        .await?;
    let fits = seen.hash(walk.prev(), line.link);
    if next.is_some_and(|next| next == fits.as_bytes()) {
        return Ok(Problem::at(seen.id, Wrong::HashChanged));
    }
    Ok(problem)
}
