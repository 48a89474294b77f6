//! What verifying found, for people and for scripts.

use serde::Serialize;
use supervise_core::SafeLine;
use supervise_store::{Verified, Wrong};

use crate::ui::{Line, Paint, line};

/// So many ids are named to a person.
const NAMED: usize = 10;

/// `audit verify --json`.
#[derive(Debug, Serialize)]
pub(crate) struct VerifiedObject<'a> {
    ok: bool,
    entries: u64,
    chained: u64,
    adopted: u64,
    /// How many entries of another program are not in the chain yet, and the first hundred of them.
    unchained: u64,
    unchained_ids: &'a [i64],
    head: Option<HeadObject<'a>>,
    /// The last entry that the anchor agrees with.
    anchored: Option<i64>,
    problem: Option<ProblemObject>,
    limits: &'a [&'static str],
}

#[derive(Debug, Serialize)]
struct HeadObject<'a> {
    id: i64,
    hash: &'a str,
}

#[derive(Debug, Serialize)]
struct ProblemObject {
    id: Option<i64>,
    code: &'static str,
    text: String,
}

impl<'a> VerifiedObject<'a> {
    pub(crate) fn new(verified: &'a Verified, limits: &'a [&'static str]) -> Self {
        let problem = verified.problem.as_ref().map(|problem| ProblemObject {
            id: problem.id,
            code: Wrong::code(&problem.wrong),
            text: problem.to_string(),
        });
        VerifiedObject {
            ok: problem.is_none(),
            entries: verified.entries,
            chained: verified.chained,
            adopted: verified.adopted,
            unchained: verified.unchained.count,
            unchained_ids: &verified.unchained.ids,
            head: verified.head.as_ref().map(|head| HeadObject {
                id: head.id,
                hash: &head.hash,
            }),
            anchored: verified.anchored,
            problem,
            limits,
        }
    }
}

/// A log in which nothing is wrong.
pub(crate) fn summary(verified: &Verified) -> Vec<Line> {
    let Some(head) = &verified.head else {
        return match verified.unchained.count {
            0 => vec![line!["no entries"]],
            _ => vec![unchained(verified)],
        };
    };
    let mut lines = vec![
        line![]
            .paint(Paint::Green, "whole")
            .and(": ")
            .and(verified.chained)
            .and(" entries are as they were written"),
        line!["head:   entry ", head.id],
        // On a line of its own it fits every terminal.
        line!["hash:   ", SafeLine::new(&head.hash)],
    ];
    if let Some(id) = verified.anchored {
        lines.push(line!["anchor: agrees up to entry ", id]);
    }
    if verified.unchained.count > 0 {
        lines.push(unchained(verified));
    }
    lines
}

fn unchained(verified: &Verified) -> Line {
    let unchained = &verified.unchained;
    let ids = unchained.ids.iter().take(NAMED);
    let line = line![
        "not in the chain yet, written by another program: ",
        unchained.count,
        " entries"
    ];
    let line = ids.enumerate().fold(line, |line, (at, id)| {
        line.and(if at == 0 { ": " } else { ", " }).and(*id)
    });
    if unchained.count > NAMED as u64 {
        line.and(", …")
    } else {
        line
    }
}
