//! `supervise audit`: what was decided, by whom, and why.

mod export;
mod list;

use clap::Subcommand;
use supervise_store::{AuditFilter, AuditRow, Host};

use crate::error::{CliError, Exit};
use crate::session::Session;

/// Read the audit log
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(list::Args),
    Export(export::Args),
}

pub(crate) async fn run(verb: Verb, session: &Session<'_>) -> Result<Exit, CliError> {
    match verb {
        Verb::List(args) => list::run(args, session).await,
        Verb::Export(args) => export::run(args, session).await,
    }
}

/// A page of entries of every bottle in scope, ordered by id; empty where no log exists yet.
async fn page(host: &Host, session: &Session<'_>, filter: &AuditFilter) -> Result<Vec<AuditRow>, CliError> {
    if session.scope.is_empty() {
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
    rows.sort_by_key(|row| row.id);
    if filter.limit > 0 {
        rows.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
    }
    Ok(rows)
}
