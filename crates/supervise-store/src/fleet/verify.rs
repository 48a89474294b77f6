//! Checking a bottle's chain in the fleet's database: the same walk as over a host's log.

use std::borrow::Cow;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use supervise_core::Slug;

use super::audit::{entry_columns, line, origin, raw};
use super::load::snapshot;
use super::operator::OperatorLine;
use super::trouble::Failure;
use crate::error::StoreError;
use crate::verify::{Problem, Scope, Seen, Verified, Walk, Wrong};

/// Each page is a statement, which may take five seconds.
const PAGE: i64 = 500;

impl OperatorLine {
    /// Goes through a bottle's whole log in one state of the database. Whoever can write the database as its owner
    /// can compute a new chain: the head that is found is to be compared with what was noted elsewhere.
    pub(crate) async fn audit_verify(&mut self, slug: &Slug) -> Result<Verified, StoreError> {
        self.link
            .run(|connection| {
                let slug = slug.clone();
                Box::pin(snapshot(connection, move |connection| {
                    Box::pin(verify(connection, slug))
                }))
            })
            .await
    }
}

async fn verify(connection: &mut PgConnection, slug: Slug) -> Result<Verified, Failure> {
    let query = concat!(
        "SELECT ",
        entry_columns!(),
        " FROM supervise.audit_entries e WHERE e.bottle_slug = $1 AND e.id > $2 ORDER BY e.id LIMIT $3"
    );
    let mut walk = Walk::new(Scope::Whole, None);
    let mut last = 0;
    loop {
        let rows = sqlx::query(query)
            .bind(slug.as_str())
            .bind(last)
            .bind(PAGE)
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            let seen = seen(row)?;
            // The numbers of a bottle's log have no gaps.
            if seen.id != last + 1 {
                return Ok(walk.stop(Some(Problem::at(last + 1, Wrong::Missing))));
            }
            if let Err(problem) = walk.step(&seen).map_err(Failure::Refused)? {
                return Ok(walk.stop(Some(problem)));
            }
            last = seen.id;
        }
        if (rows.len() as i64) < PAGE {
            break;
        }
    }
    let prev = walk.prev().to_owned();
    let verified = walk.finish().map_err(Failure::Refused)?;
    Ok(match head(connection, &slug).await? {
        (given, _) if given > last => cut(verified, last, given),
        (given, hash) if given < last || hash != prev => {
            let wrong = Wrong::HashChanged;
            with(verified, Problem::at(last, wrong))
        }
        _ => verified,
    })
}

fn cut(verified: Verified, last: i64, given: i64) -> Verified {
    with(verified, Problem::at(last + 1, Wrong::TailCut { last: given }))
}

fn with(mut verified: Verified, problem: Problem) -> Verified {
    verified.problem.get_or_insert(problem);
    verified
}

/// The last line that was ever appended.
async fn head(connection: &mut PgConnection, slug: &Slug) -> Result<(i64, String), Failure> {
    let head = sqlx::query_as("SELECT id, hash FROM supervise.audit_heads WHERE bottle_slug = $1")
        .bind(slug.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(head.unwrap_or_default())
}

fn seen(row: &PgRow) -> Result<Seen<'static>, Failure> {
    Ok(Seen {
        proposed: None,
        id: row.try_get(0)?,
        entry: Cow::Owned(raw(row)?),
        origin: Some(origin(row)?),
        line: Some(line(row)?),
        sound: true,
    })
}
