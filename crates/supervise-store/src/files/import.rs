//! What the bottle has told is noted in the host's database, and what the host has noted is told to the bottle.
//!
//! Both are found by comparing what lies there with what is noted, so a crash in between costs nothing.

use std::collections::{HashMap, HashSet};

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::host::{HostFiles, Told};
use super::name::{Kind, Name};
use crate::connection::Connection;
use crate::error::StoreError;
use crate::hold::{Answer, End};
use crate::line::{Given, Note};
use crate::row;
use crate::{notes, refusals};

/// More are never listed; what is left in its file is taken in once there is room.
const MAX_PENDING: usize = 1000;

/// How the host's database knows a proposal.
#[derive(Debug, Clone, Copy)]
struct Known {
    archived: bool,
    answered: bool,
    claimed: bool,
    joined: u64,
    timed_out: bool,
}

/// Takes in what is new. True if anything was. Outside of a transaction.
pub(crate) async fn import(connection: &mut Connection, files: &HostFiles) -> Result<bool, StoreError> {
    let told = files.told().await?;
    connection.begin_read().await?;
    let noted = noted(connection, &told).await;
    connection.rollback().await;
    let (known, room) = noted?;
    // What has come to its end and was pruned still lies there, until the bottle forgets it too.
    let own = files.own().await?;
    let had = |id: &Uuid| {
        [Kind::Response, Kind::Ended]
            .iter()
            .any(|kind| own.contains(&Name::new(*id, *kind)))
    };
    let unknown: Vec<Uuid> = (told.proposals.iter())
        .filter(|id| !known.contains_key(id) && !had(id))
        .take(room)
        .copied()
        .collect();
    let new = files.proposals(unknown).await?;
    let mut notes: Vec<Note> = Vec::new();
    let news: HashSet<Uuid> = new
        .iter()
        .filter_map(|proposal| row::parse_id(&proposal.id))
        .collect();
    notes.extend(new.into_iter().map(Note::Proposed));
    notes.extend(said(&told, &known, &news));
    let any = !notes.is_empty();
    if any {
        notes::write(connection, notes).await?;
    }
    tell(connection, files, &told, &own).await?;
    Ok(any)
}

/// What is said of proposals that are known, and not noted yet.
fn said(told: &Told, known: &HashMap<Uuid, Known>, new: &HashSet<Uuid>) -> Vec<Note> {
    let is = |id: &Uuid, so: fn(&Known) -> bool| known.get(id).is_some_and(so) || new.contains(id);
    let mut notes = Vec::new();
    for (id, count) in &told.joined {
        if new.contains(id) || known.get(id).is_some_and(|known| known.joined < *count) {
            notes.push(Note::Joined {
                id: *id,
                count: *count,
            });
        }
    }
    let timed_out = told
        .timed_out
        .iter()
        .filter(|id| is(id, |known| !known.timed_out && !known.archived));
    notes.extend(timed_out.map(|id| Note::TimedOut(*id)));
    let open = |known: &Known| !known.archived && !known.answered && !known.claimed;
    notes.extend(
        told.withdrawn
            .iter()
            .filter(|id| is(id, open))
            .map(|id| Note::Withdrawn(*id)),
    );
    let delivered = (told.delivered.iter()).filter(|id| {
        known
            .get(id)
            .is_some_and(|known| known.answered && !known.archived)
    });
    notes.extend(delivered.map(|id| Note::Delivered(*id)));
    notes
}

/// Answers that the bottle hasn't got, from whichever program; the ends that it may forget; and away with what it
/// has forgotten.
async fn tell(
    connection: &mut Connection,
    files: &HostFiles,
    told: &Told,
    own: &HashSet<Name>,
) -> Result<(), StoreError> {
    connection.begin_read().await?;
    let untold = untold(connection, told, own).await;
    connection.rollback().await;
    let (answers, ended) = untold?;
    let unneeded = (own.iter())
        .filter(|name| name.kind != Kind::Claim && !told.proposals.contains(&name.id))
        .copied()
        .collect();
    files.tidy(answers, ended, unneeded).await
}

/// What is known of what the bottle tells, and how many more proposals are taken in.
async fn noted(
    connection: &mut Connection,
    told: &Told,
) -> Result<(HashMap<Uuid, Known>, usize), StoreError> {
    let known = known(connection, told).await?;
    Ok((known, MAX_PENDING.saturating_sub(pending(connection).await?)))
}

/// Answers and ends that are noted and not told.
async fn untold(
    connection: &mut Connection,
    told: &Told,
    own: &HashSet<Name>,
) -> Result<(Vec<Given>, Vec<Uuid>), StoreError> {
    let is_told = |id: &Uuid, kind| own.contains(&Name::new(*id, kind));
    let known = known(connection, told).await?;
    let ended: Vec<Uuid> = (known.iter())
        .filter(|(id, known)| known.archived && !is_told(id, Kind::Ended))
        .map(|(id, _)| *id)
        .collect();
    let unanswered: Vec<Uuid> = (known.iter())
        .filter(|(id, known)| known.answered && !is_told(id, Kind::Response))
        .map(|(id, _)| *id)
        .collect();
    Ok((given(connection, &unanswered).await?, ended))
}

async fn known(connection: &mut Connection, told: &Told) -> Result<HashMap<Uuid, Known>, StoreError> {
    connection.start_statement();
    let ids: Vec<Uuid> = told.proposals.iter().copied().collect();
    let query = "SELECT p.id, p.archived <> 0,
        EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id),
        EXISTS (SELECT 1 FROM supervise_claims c WHERE c.proposal_id = p.id),
        coalesce((SELECT j.joined FROM supervise_joins j WHERE j.proposal_id = p.id), 0),
        EXISTS (SELECT 1 FROM supervise_timeouts t WHERE t.proposal_id = p.id)
        FROM json_each(?) AS told CROSS JOIN supervise_proposals p ON p.id = told.value";
    let read = |row: SqliteRow| {
        let known = Known {
            archived: row.try_get(1)?,
            answered: row.try_get(2)?,
            claimed: row.try_get(3)?,
            joined: row.try_get::<i64, _>(4)?.unsigned_abs(),
            timed_out: row.try_get(5)?,
        };
        Ok((row.try_get::<String, _>(0)?, known))
    };
    let rows = sqlx::query(query)
        .bind(row::id_list(&ids))
        .try_map(read)
        .fetch_all(&mut connection.sql)
        .await?;
    let known = |(id, known): (String, Known)| Some((row::parse_id(&id)?, known));
    Ok(rows.into_iter().filter_map(known).collect())
}

async fn pending(connection: &mut Connection) -> Result<usize, StoreError> {
    let query = "SELECT count(*) FROM supervise_proposals p WHERE p.archived = 0
        AND NOT EXISTS (SELECT 1 FROM supervise_responses r WHERE r.proposal_id = p.id AND r.archived = 0)";
    let count: i64 = sqlx::query_scalar(query).fetch_one(&mut connection.sql).await?;
    Ok(usize::try_from(count).unwrap_or(0))
}

async fn given(connection: &mut Connection, ids: &[Uuid]) -> Result<Vec<Given>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut given = Vec::new();
    for (id, end) in row::ended_among(connection, ids).await? {
        if let End::Decided(answer) = end {
            let answer = Answer::clone(&answer);
            let refused = refusals::span_of(connection, id).await?;
            given.push(Given { answer, refused });
        }
    }
    Ok(given)
}
