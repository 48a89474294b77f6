//! New entries as they come.

use std::time::Duration;

use supervise_store::{AuditFilter, AuditOrder, AuditRow, Host, StoreError};

use super::list;
use super::pages::Pages;
use crate::error::{CliError, Exit};
use crate::render::audit::rows;
use crate::render::objects::AuditObject;
use crate::session::{Format, Session};
use crate::signals::stop;

const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With what is written from now on.
    Now,
    /// With what a list would show.
    Listed,
}

/// Prints until it is stopped or nobody reads any more; either is a good end.
pub(super) async fn run(filter: AuditFilter, start: Start, session: &Session<'_>) -> Result<Exit, CliError> {
    tokio::select! {
        ended = follow(filter, start, session) => ended,
        _ = stop() => Ok(Exit::DONE),
    }
}

async fn follow(mut filter: AuditFilter, start: Start, session: &Session<'_>) -> Result<Exit, CliError> {
    let mut host = Host::open_read_only(&session.root).await?;
    if let Some(host) = &host {
        // First where the log ends: what is written meanwhile is new.
        let end = last_id(host).await?;
        if start == Start::Listed {
            let shown = list::read(
                host,
                session,
                AuditFilter {
                    before_id: Some(end + 1),
                    ..filter.clone()
                },
            )
            .await?;
            print(session, &shown.entries)?;
        }
        filter.after_id = filter.after_id.max(end);
    }
    filter.order = AuditOrder::OldestFirst;
    filter.limit = 0;
    while !session.ui.is_closed() {
        tokio::time::sleep(LOOK_EVERY).await;
        if host.is_none() {
            host = Host::open_read_only(&session.root).await?;
        }
        if let Some(host) = &host {
            filter.after_id = print_new(host, session, &filter).await?;
        }
    }
    Ok(Exit::DONE)
}

/// Prints what is new, and says up to where. A filter may let nothing of it through.
async fn print_new(host: &Host, session: &Session<'_>, filter: &AuditFilter) -> Result<i64, CliError> {
    let end = match last_id(host).await {
        Err(StoreError::Busy) => return Ok(filter.after_id),
        other => other?,
    };
    if end <= filter.after_id {
        return Ok(filter.after_id);
    }
    let filter = AuditFilter {
        before_id: Some(end + 1),
        ..filter.clone()
    };
    let mut pages = Pages::new(host, session, filter);
    loop {
        let entries = pages.next().await?;
        if entries.is_empty() {
            return Ok(end);
        }
        print(session, &entries)?;
    }
}

async fn last_id(host: &Host) -> Result<i64, StoreError> {
    let last = AuditFilter {
        order: AuditOrder::NewestFirst,
        limit: 1,
        ..AuditFilter::default()
    };
    Ok(host.audit_page(&last).await?.first().map_or(0, |row| row.id))
}

fn print(session: &Session<'_>, entries: &[AuditRow]) -> Result<(), CliError> {
    match session.format {
        Format::Human => session.ui.data(&rows(entries, session.ui.out_columns())),
        Format::Json => {
            for entry in entries {
                session.ui.json(&AuditObject::new(entry))?;
            }
        }
    }
    Ok(())
}
