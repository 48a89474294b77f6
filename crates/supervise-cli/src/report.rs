//! What is printed of a decision: the result on stdout, what it changed on stderr.

use serde::Serialize;
use supervise_core::{SafeLine, Status};
use supervise_store::Decided;

use crate::error::{CliError, Exit};
use crate::session::{Format, Session};
use crate::ui::{Paint, line};

/// As much of an id as is unique almost always.
const SHORT_ID: usize = 8;
/// As much of a timestamp as ends with the seconds.
const SECONDS: usize = 19;

#[derive(Serialize)]
struct DecidedObject<'a> {
    id: &'a str,
    bottle_slug: &'a str,
    status: Status,
    applied: bool,
    audit_id: i64,
    /// Only a rejection that sticks has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_until: Option<&'a str>,
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
            refused_until: decided.refused_until.as_deref(),
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
    if let Some(until) = &decided.refused_until {
        let (id, until) = (short(&decided.id), short_time(until));
        session.ui.say(&[line![
            "asking the same again is refused until ",
            until,
            " UTC; `supervise reopen ",
            id
        ]
        .and("` ends that")
        .painted(Paint::Dim)]);
    }
    Ok(())
}

fn short(id: &str) -> SafeLine {
    SafeLine::new(&id.chars().take(SHORT_ID).collect::<String>())
}

fn short_time(timestamp: &str) -> SafeLine {
    SafeLine::new(
        &timestamp
            .chars()
            .take(SECONDS)
            .collect::<String>()
            .replace('T', " "),
    )
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
