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

/// The column if it holds text of sane size, else NULL. No payload of ours is larger than a request's body,
/// 1 MiB; other programs get some room.
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

/// The columns of a proposal, for [`proposal`], as `p`.
macro_rules! proposal_columns {
    () => {
        concat!(
            text!("p.id"),
            ", ",
            text!("p.bottle_slug"),
            ", ",
            text!("p.tool"),
            ", ",
            text!("p.proposed_file"),
            ", ",
            text!("p.justification"),
            ", ",
            text!("p.arrival_timestamp"),
            ", ",
            text!("p.current_file_hash")
        )
    };
}

/// The columns of a response, for [`answer`], as `r`, and of its outcome, as `o`.
macro_rules! answer_columns {
    () => {
        concat!(
            text!("r.proposal_id"),
            ", ",
            text!("r.status"),
            ", ",
            text!("r.notes"),
            ", ",
            text!("r.final_file"),
            ", ",
            "typeof(r.final_file), ",
            text!("o.applied")
        )
    };
}

pub(crate) use {answer_columns, proposal_columns, text};

/// Why a stored row is never shown or decided. Holds raw text of the row.
pub(crate) type Oddity = String;

/// Reads a proposal whose columns begin at `at`; says what is odd about one that doesn't belong here.
pub(crate) fn proposal(row: &SqliteRow, at: usize, slug: &Slug) -> Result<Proposal, Oddity> {
    let text = |offset: usize, name: &str| -> Result<String, Oddity> {
        match row.try_get::<Option<String>, _>(at + offset) {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err(format!("its {name} is no text of at most 4 MiB")),
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

/// Reads an answer whose columns begin at `at`. `None`: there is none, or it can't be read, and then it
/// counts as not approved.
pub(crate) fn answer(row: &SqliteRow, at: usize) -> Option<Answer> {
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

/// The number of the last response's row.
pub(crate) async fn last_response_row(sql: &mut SqliteConnection) -> Result<i64, StoreError> {
    let query = "SELECT coalesce(max(rowid), 0) FROM supervise_responses";
    Ok(sqlx::query_scalar(query).fetch_one(sql).await?)
}

/// The undelivered answers behind row `after`, in order.
pub(crate) async fn answers_after(
    connection: &mut Connection,
    after: i64,
) -> Result<Vec<(i64, Option<Arc<Answer>>)>, StoreError> {
    connection.start_statement();
    let query = concat!(
        "SELECT r.rowid, ",
        answer_columns!(),
        " FROM supervise_responses r LEFT JOIN supervise_outcomes o ON o.proposal_id = r.proposal_id",
        " WHERE r.rowid > ? AND r.archived = 0 ORDER BY r.rowid"
    );
    let read = |row: SqliteRow| Ok((row.try_get(0)?, answer(&row, 1).map(Arc::new)));
    Ok(sqlx::query(query)
        .bind(after)
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
    let list = ids
        .iter()
        .map(|id| format!("\"{id}\""))
        .collect::<Vec<_>>()
        .join(",");
    let rows = sqlx::query(query)
        .bind(format!("[{list}]"))
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
    let id = Uuid::parse_str(&row.try_get::<String, _>(0).ok()?).ok()?;
    let archived = row.try_get::<i64, _>(1).ok()? != 0;
    match answer(row, 2) {
        Some(answer) => Some((id, End::Decided(Arc::new(answer)))),
        None if archived => Some((id, End::Withdrawn)),
        None => None,
    }
}
