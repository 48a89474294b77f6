//! What is printed of a decision: the result on stdout, what it changed on stderr.

use serde::Serialize;
use supervise_core::{SafeLine, Status};
use supervise_store::Decided;

use crate::error::{CliError, Exit};
use crate::session::{Format, Session};
use crate::ui::{Paint, line};

#[derive(Serialize)]
struct DecidedObject<'a> {
    id: &'a str,
    bottle_slug: &'a str,
    status: Status,
    applied: bool,
    audit_id: i64,
}

#[derive(Serialize)]
struct FailedObject<'a> {
    id: &'a str,
    error: String,
    exit_code: u8,
}

/// Prints a decision that was made.
pub(crate) fn decided(session: &Session<'_>, decided: &Decided) -> Result<(), CliError> {
    // What was applied has been said by what applied it, and a rejection changes nothing.
    if !decided.applied && decided.status != Status::Rejected {
        session
            .ui
            .say(&[line!["nothing was applied: no effect is configured"].painted(Paint::Dim)]);
    }
    if session.format == Format::Json {
        return session.ui.json(&DecidedObject {
            id: &decided.id,
            bottle_slug: decided.slug.as_str(),
            status: decided.status,
            applied: decided.applied,
            audit_id: decided.audit_id,
        });
    }
    let paint = match decided.status {
        Status::Approved | Status::Modified => Paint::Green,
        Status::Rejected => Paint::Red,
    };
    let line = line![]
        .paint(paint, decided.status)
        .and(" ")
        .and(SafeLine::new(&decided.id));
    session.ui.data(&[line
        .and(" in ")
        .and(&decided.slug)
        .and(", audit entry ")
        .and(decided.audit_id)]);
    Ok(())
}

/// Prints a decision that was not made. A script that gave several ids finds each one's line in its order.
pub(crate) fn failed(session: &Session<'_>, id: &str, error: &CliError) -> Result<Exit, CliError> {
    session.ui.error(error);
    let exit = Exit::from(error.kind());
    if session.format == Format::Json {
        session.ui.json(&FailedObject {
            id,
            error: error.explanation().plain(),
            exit_code: exit.code(),
        })?;
    }
    Ok(exit)
}
