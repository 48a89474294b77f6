//! Reading rows that another role wrote: each value is taken only if it can be one of ours.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use supervise_core::{Proposal, Response, Slug, Status, Tool, is_proposal_id};

use crate::hold::Answer;
use crate::line::Given;
use crate::row::{MAX_TEXT_BYTES, Oddity};

/// The columns of a proposal `p`, for [`proposal`].
macro_rules! fleet_columns {
    () => {
        "p.id, p.bottle_slug, p.tool, p.proposed_file, p.justification, p.arrival_timestamp, p.current_file_hash"
    };
}
pub(super) use fleet_columns;

/// How many columns [`fleet_columns`] are.
pub(super) const PROPOSAL_COLUMNS: usize = 7;

/// The columns of a response `r`, for [`given`].
macro_rules! given_columns {
    () => {
        "r.proposal_id, r.status, r.notes, r.final_file, r.applied, r.refused_at, r.refused_until"
    };
}
pub(super) use given_columns;

/// Reads a proposal whose columns begin at `at`; says what is odd about one that doesn't belong here.
pub(super) fn proposal(row: &PgRow, at: usize, slug: &Slug) -> Result<Proposal, Oddity> {
    let word = |offset: usize, name: &str| -> Result<String, Oddity> {
        row.try_get(at + offset)
            .map_err(|_| format!("its {name} is no text"))
    };
    let id = word(0, "id")?;
    if !is_proposal_id(&id) {
        return Err("its id is not a lower-case UUID".into());
    }
    if word(1, "bottle_slug")? != slug.as_str() {
        return Err(format!("{id} names another bottle"));
    }
    let tool = word(2, "tool")?;
    let tool = Tool::from_name(&tool).map_err(|_| {
        format!(
            "{id} names the unknown tool '{}'",
            tool.chars().take(80).collect::<String>()
        )
    })?;
    let text =
        |offset: usize, name: &str| text(row, at + offset).ok_or_else(|| format!("its {name} isn't UTF-8"));
    Ok(Proposal {
        id,
        bottle_slug: slug.to_string(),
        tool,
        proposed_file: text(3, "proposed_file")?,
        justification: text(4, "justification")?,
        arrival_timestamp: word(5, "arrival_timestamp")?,
        current_file_hash: word(6, "current_file_hash")?,
    })
}

/// Reads an answer whose columns begin at `at`. One that can't be read counts as not there: nobody is told that
/// something was approved.
pub(super) fn given(row: &PgRow, at: usize) -> Option<Given> {
    let word = |offset: usize| row.try_get::<Option<String>, _>(at + offset).ok().flatten();
    let status = Status::from_name(&word(1)?).ok()?;
    let final_file = text(row, at + 3);
    if final_file.is_none() != (status == Status::Rejected) {
        return None;
    }
    let response = Response {
        proposal_id: word(0).filter(|id| is_proposal_id(id))?,
        status,
        notes: text(row, at + 2)?,
        final_file,
    };
    let applied = row.try_get(at + 4).ok()?;
    Some(Given {
        answer: Answer { response, applied },
        refused: word(5).zip(word(6)),
    })
}

fn text(row: &PgRow, at: usize) -> Option<String> {
    let bytes = row.try_get::<Option<Vec<u8>>, _>(at).ok()??;
    if bytes.len() > MAX_TEXT_BYTES {
        return None;
    }
    String::from_utf8(bytes).ok()
}
