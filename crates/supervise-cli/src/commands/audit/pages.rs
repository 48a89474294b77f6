//! The entries of every bottle in scope, a page at a time.

use supervise_store::{AuditFilter, AuditOrder, AuditRow, Host};

use crate::error::CliError;
use crate::session::Session;

/// Entries held in memory at a time.
const PAGE: u32 = 500;

/// Goes through what a filter lets through. The filter's limit is over all pages.
pub(super) struct Pages<'a> {
    host: &'a Host,
    session: &'a Session<'a>,
    filter: AuditFilter,
    /// How many may still come; `None` where there is no limit.
    left: Option<u32>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(host: &'a Host, session: &'a Session<'a>, filter: AuditFilter) -> Self {
        Pages {
            host,
            session,
            left: (filter.limit > 0).then_some(filter.limit),
            filter,
        }
    }

    /// The next page; empty at the end.
    pub(super) async fn next(&mut self) -> Result<Vec<AuditRow>, CliError> {
        let limit = self.left.map_or(PAGE, |left| left.min(PAGE));
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.filter.limit = limit;
        let rows = page(self.host, self.session, &self.filter).await?;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        }
        if let Some(last) = rows.last() {
            match self.filter.order {
                AuditOrder::OldestFirst => self.filter.after_id = last.id,
                AuditOrder::NewestFirst => self.filter.before_id = Some(last.id),
            }
        }
        Ok(rows)
    }

    /// All that is left.
    pub(super) async fn all(mut self) -> Result<Vec<AuditRow>, CliError> {
        let mut rows = Vec::new();
        loop {
            let page = self.next().await?;
            if page.is_empty() {
                return Ok(rows);
            }
            rows.extend(page);
        }
    }
}

async fn page(host: &Host, session: &Session<'_>, filter: &AuditFilter) -> Result<Vec<AuditRow>, CliError> {
    if session.scope.is_empty() || filter.slug.is_some() {
        return Ok(host.audit_page(filter).await?);
    }
    let mut rows = Vec::new();
    for slug in &session.scope {
        let filter = AuditFilter {
            slug: Some(slug.to_string()),
            ..filter.clone()
        };
        rows.extend(host.audit_page(&filter).await?);
    }
    match filter.order {
        AuditOrder::OldestFirst => rows.sort_by_key(|row| row.id),
        AuditOrder::NewestFirst => rows.sort_by_key(|row| std::cmp::Reverse(row.id)),
    }
    rows.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
    Ok(rows)
}
