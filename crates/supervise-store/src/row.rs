//! Reading rows that an untrusted peer may have written: each text is taken only if it is text, is UTF-8
//! and is of sane size, and a row that can't be read counts as not there.

use std::sync::Arc;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use supervise_core::{Proposal, Response, Slug, Status, Tool, is_proposal_id};
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::hold::{Answer, End};

/// The longest text that is read from a queue. No payload of ours is larger than a request's body, 1 MiB;
/// other programs get some room.
pub(crate) const MAX_TEXT_BYTES: usize = 4 << 20;

/// The column if it holds text of at most [`MAX_TEXT_BYTES`], else NULL.
macro_rules! text {
    ($column:literal) => {
        concat!(
            "iif(typeof(",
            $column,
            ") = 'text' AND octet_length(",
            $column,
            ") <= 4194304, ",
            $column,
            ", NULL)"
        )
    };
}

/// The column if it holds text as short as names, ids and times are, else NULL.
macro_rules! word {
    ($column:literal) => {
        concat!(
            "iif(typeof(",
            $column,
            ") = 'text' AND octet_length(",
            $column,
            ") <= 512, ",
            $column,
            ", NULL)"
        )
    };
}

/// The columns of a proposal, for [`proposal`], as `p`.
macro_rules! proposal_columns {
    () => {
        concat!(
            word!("p.id"),
            ", ",
            word!("p.bottle_slug"),
            ", ",
            word!("p.tool"),
            ", ",
            text!("p.proposed_file"),
            ", ",
            text!("p.justification"),
            ", ",
            word!("p.arrival_timestamp"),
            ", ",
            word!("p.current_file_hash")
        )
    };
}

/// The columns of a response, for [`answer`], as `r`, and of its outcome, as `o`.
macro_rules! answer_columns {
    () => {
        concat!(
            word!("r.proposal_id"),
            ", ",
            word!("r.status"),
            ", ",
            text!("r.notes"),
            ", ",
            text!("r.final_file"),
            ", ",
            "typeof(r.final_file), ",
            word!("o.applied"),
            ", r.rowid IS NOT NULL"
        )
    };
}

/// How many columns [`answer_columns`] are.
pub(crate) const ANSWER_COLUMNS: usize = 7;

/// Why a stored row is never shown or decided. Holds raw text of the row.
pub(crate) type Oddity = String;

/// Reads a proposal whose columns begin at `at`; says what is odd about one that doesn't belong here.
pub(crate) fn proposal(row: &SqliteRow, at: usize, slug: &Slug) -> Result<Proposal, Oddity> {
    let text = |offset: usize, name: &str| -> Result<String, Oddity> {
        match row.try_get::<Option<String>, _>(at + offset) {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err(format!("its {name} is no text, or too long")),
            Err(_) => Err(format!("its {name} isn't UTF-8")),
        }
    };
    let id = text(0, "id")?;
    if !is_proposal_id(&id) {
        return Err(format!("its id '{}' is not a lower-case UUID", cut(&id)));
    }
    let bottle_slug = text(1, "bottle_slug")?;
    if bottle_slug != slug.as_str() {
        return Err(format!("{id} names the bottle '{}'", cut(&bottle_slug)));
    }
    let tool = text(2, "tool")?;
    let tool = Tool::from_name(&tool).map_err(|_| format!("{id} names the unknown tool '{}'", cut(&tool)))?;
    Ok(Proposal {
        id,
        bottle_slug,
        tool,
        proposed_file: text(3, "proposed_file")?,
        justification: text(4, "justification")?,
        arrival_timestamp: text(5, "arrival_timestamp")?,
        current_file_hash: text(6, "current_file_hash")?,
    })
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Whether a proposal is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answered {
    No,
    Yes(Answer),
    /// There is a response that can't be read: it counts as not approved, and it stands.
    Unreadably,
}

impl Answered {
    pub(crate) fn readable(self) -> Option<Answer> {
        match self {
            Answered::Yes(answer) => Some(answer),
            Answered::No | Answered::Unreadably => None,
        }
    }
}

/// Reads whether there is an answer; its columns begin at `at`.
pub(crate) fn answered(row: &SqliteRow, at: usize) -> Answered {
    match (row.try_get::<bool, _>(at + 6), answer(row, at)) {
        (Ok(false), _) => Answered::No,
        (Ok(true), Some(answer)) => Answered::Yes(answer),
        _ => Answered::Unreadably,
    }
}

fn answer(row: &SqliteRow, at: usize) -> Option<Answer> {
    let text = |offset: usize| row.try_get::<Option<String>, _>(at + offset).ok().flatten();
    let final_file = text(3);
    if final_file.is_none() && text(4)? != "null" {
        return None;
    }
    let response = Response {
        proposal_id: text(0)?,
        status: Status::from_name(&text(1)?).ok()?,
        notes: text(2)?,
        final_file,
    };
    let applied = text(5).and_then(|word| match word.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    });
    Some(Answer { response, applied })
}

/// The id in the one spelling that is stored; Uuid alone would take others.
pub(crate) fn parse_id(id: &str) -> Option<Uuid> {
    is_proposal_id(id).then(|| Uuid::parse_str(id).ok()).flatten()
}

/// The number of the last response's row.
pub(crate) async fn last_response_row(sql: &mut SqliteConnection) -> Result<i64, StoreError> {
    let query = "SELECT coalesce(max(rowid), 0) FROM supervise_responses";
    Ok(sqlx::query_scalar(query).fetch_one(sql).await?)
}

/// How many answers are read at once, so that many large ones don't fill the memory.
///
/// `LIMIT ? + 0`: SQLite plans by the number behind `LIMIT ?`, and so prepares such a statement anew whenever a
/// number is bound.
pub(crate) const ANSWERS: usize = 1000;

/// The next undelivered answers behind row `after`, in order: at most [`ANSWERS`].
pub(crate) async fn answers_after(
    connection: &mut Connection,
    after: i64,
) -> Result<Vec<(i64, Option<Arc<Answer>>)>, StoreError> {
    connection.start_statement();
    let query = concat!(
        "SELECT r.rowid, ",
        answer_columns!(),
        " FROM supervise_responses r LEFT JOIN supervise_outcomes o ON o.proposal_id = r.proposal_id",
        " WHERE r.rowid > ? AND r.archived = 0 ORDER BY r.rowid LIMIT ? + 0"
    );
    let read = |row: SqliteRow| Ok((row.try_get(0)?, answered(&row, 1).readable().map(Arc::new)));
    Ok(sqlx::query(query)
        .bind(after)
        .bind(ANSWERS as i64)
        .try_map(read)
        .fetch_all(&mut connection.sql)
        .await?)
}

/// Those of `ids` that are answered or archived.
pub(crate) async fn ended_among(
    connection: &mut Connection,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, End)>, StoreError> {
    connection.start_statement();
    let query = concat!(
        "SELECT p.id, p.archived, ",
        answer_columns!(),
        " FROM json_each(?) AS held CROSS JOIN supervise_proposals p ON p.id = held.value",
        " LEFT JOIN supervise_responses r ON r.proposal_id = p.id",
        " LEFT JOIN supervise_outcomes o ON o.proposal_id = p.id",
        " WHERE p.archived <> 0 OR r.proposal_id IS NOT NULL"
    );
    let rows = sqlx::query(query)
        .bind(id_list(ids))
        .fetch_all(&mut connection.sql)
        .await?;
    Ok(rows.iter().filter_map(ended).collect())
}

/// A JSON array of ids, for `json_each`: one bound value however many there are.
pub(crate) fn id_list(ids: &[Uuid]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    format!("[{}]", ids.join(","))
}

fn ended(row: &SqliteRow) -> Option<(Uuid, End)> {
    let id = parse_id(&row.try_get::<String, _>(0).ok()?)?;
    let archived = row.try_get::<i64, _>(1).ok()? != 0;
    match answered(row, 2) {
        Answered::Yes(answer) => Some((id, End::Decided(Arc::new(answer)))),
        Answered::No if archived => Some((id, End::Withdrawn)),
        Answered::No | Answered::Unreadably => None,
    }
}
