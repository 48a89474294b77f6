//! The inbox over a whole fleet: what is pending of every bottle, in one query.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use supervise_core::Slug;

use super::operator::OperatorLine;
use super::row::{fleet_columns, proposal};
use crate::error::StoreError;
use crate::inbox::{Hidden, Listed, Page};

/// A page is held in memory whole; rows past this many bytes of a bottle are only counted.
const MAX_PAGE_BYTES: i64 = 64 << 20;

impl OperatorLine {
    /// What is pending, oldest first, at most `limit` of each bottle; the others are counted. `bottles` narrows it
    /// down; none means all. A bottle of which nothing is pending is left out.
    pub(crate) async fn pages(
        &mut self,
        bottles: &[Slug],
        limit: u32,
    ) -> Result<Vec<(Slug, Page)>, StoreError> {
        let query = concat!(
            "SELECT t.bottle_slug, t.total, t.n, coalesce(m.joined, 0), m.timed_out_at IS NOT NULL, ",
            fleet_columns!(),
            " FROM (SELECT q.*, row_number() OVER oldest AS n, sum(q.bytes) OVER oldest AS so_far,",
            " count(*) OVER (PARTITION BY q.bottle_slug) AS total FROM supervise.pending q",
            " WHERE $1::text[] IS NULL OR q.bottle_slug = ANY($1)",
            " WINDOW oldest AS (PARTITION BY q.bottle_slug ORDER BY q.arrival_timestamp, q.id)) t",
            " JOIN supervise.proposals p ON p.bottle_slug = t.bottle_slug AND p.id = t.id",
            " LEFT JOIN supervise.marks m ON m.bottle_slug = t.bottle_slug AND m.id = t.id",
            // One at least, so that a large one can't hide all.
            " WHERE t.n <= $2 AND (t.so_far <= $3 OR t.n = 1) ORDER BY t.bottle_slug, t.n"
        );
        let names: Vec<String> = bottles.iter().map(Slug::to_string).collect();
        let narrowed = (!names.is_empty()).then_some(names);
        let rows = self
            .link
            .run(|connection| {
                let query = sqlx::query(query)
                    .bind(narrowed.clone())
                    .bind(i64::from(limit))
                    .bind(MAX_PAGE_BYTES);
                Box::pin(async move { Ok(query.fetch_all(connection).await?) })
            })
            .await?;
        let mut pages = Vec::new();
        rows.iter().try_for_each(|row| sort_in(row, &mut pages))?;
        Ok(pages)
    }
}

fn sort_in(row: &PgRow, pages: &mut Vec<(Slug, Page)>) -> Result<(), StoreError> {
    // The database lets no other name in.
    let Ok(slug) = row.try_get::<&str, _>(0)?.parse::<Slug>() else {
        return Ok(());
    };
    if pages.last().is_none_or(|(last, _)| *last != slug) {
        let total = row.try_get::<i64, _>(1)?.unsigned_abs();
        let page = Page {
            total,
            ..Page::default()
        };
        pages.push((slug.clone(), page));
    }
    let Some((_, page)) = pages.last_mut() else {
        return Ok(());
    };
    match proposal(row, 5, &slug) {
        Ok(proposal) => page.proposals.push(Listed {
            proposal,
            joined: row.try_get::<i64, _>(3)?.unsigned_abs(),
            timed_out: row.try_get(4)?,
        }),
        Err(reason) => {
            page.total = page.total.saturating_sub(1);
            page.hidden.push(Hidden {
                row: row.try_get(2)?,
                reason,
            });
        }
    }
    Ok(())
}
