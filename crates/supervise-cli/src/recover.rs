//! Interrupted decisions: what a crash left half done is finished or undone before anything else is shown.

use std::path::Path;
use std::sync::Arc;

use supervise_core::SafeLine;
use supervise_store::{BottleLock, DecisionError, Host, Place, Queue, RecoveredAs, StoreError, Unfinished};

use crate::apply::{
    Effect, Failed, FileChange, FileKind, Rolled, Target, TargetError, has_route, put_in_force, roll_back,
    run_again,
};
use crate::error::CliError;
use crate::inbox::{self, Inbox};
use crate::session::Session;
use crate::ui::line;

/// What the audit log says of a decision whose file was not written, or was put back already.
const INTERRUPTED: &str = "it was interrupted before it was in force";

/// And of one that nobody waits for any more, whoever took it back.
pub(crate) const LOST: &str = "the proposal is no longer what was decided";

/// Settles every bottle of the inbox in which a decision was interrupted, and reads those bottles again. What
/// can't be settled is said, and hides nothing.
pub(crate) async fn settle(session: &Session<'_>, inbox: &mut Inbox) -> Result<(), CliError> {
    for place in interrupted(session, inbox).await {
        match settle_bottle(session, &place).await {
            Ok(Settled::Yes) => {
                let page = inbox::page(&place).await;
                inbox.replace(place, page);
            }
            // Somebody holds the lock: that decision is under way, not interrupted.
            Ok(Settled::Busy) => {}
            Err(error) => {
                let what = line![&place.slug, ": an interrupted decision can't be settled: "];
                session.ui.warn(what.and(SafeLine::new(&error.to_string())));
            }
        }
    }
    Ok(())
}

enum Settled {
    Yes,
    Busy,
}

async fn interrupted(session: &Session<'_>, inbox: &Inbox) -> Vec<Place> {
    let mut places = inbox.claimed.clone();
    for slug in interrupted_on_host(session).await {
        if !places.iter().any(|place| place.slug == slug) && in_scope(session, &slug) {
            // A list that can't be read was complained of by whoever read the inbox.
            places.extend(session.place(&slug).ok());
        }
    }
    places
}

fn in_scope(session: &Session<'_>, slug: &supervise_core::Slug) -> bool {
    session.scope.is_empty() || session.scope.contains(slug)
}

async fn interrupted_on_host(session: &Session<'_>) -> Vec<supervise_core::Slug> {
    let interrupted = async {
        match Host::open_read_only(&session.root).await? {
            Some(host) => host.interrupted().await,
            None => Ok(Vec::new()),
        }
    };
    interrupted.await.unwrap_or_else(|error: StoreError| {
        session
            .ui
            .warn(line!["interrupted decisions can't be looked up: "].and(SafeLine::new(&error.to_string())));
        Vec::new()
    })
}

async fn settle_bottle(session: &Session<'_>, place: &Place) -> Result<Settled, DecisionError> {
    let host = Host::create(&session.root).await?;
    let Some(lock) = host.bottle_try_lock(&place.slug)? else {
        return Ok(Settled::Busy);
    };
    match Queue::open_at(place).await {
        Ok(queue) => recover(session, &host, &lock, &queue).await?,
        // Routes can be edited where no agent has been yet.
        Err(StoreError::Missing { .. }) => recover_edits(session, &host, &lock).await?,
        Err(error) => return Err(error.into()),
    }
    Ok(Settled::Yes)
}

/// Finishes or undoes what a crash left in a locked bottle, and says so.
pub(crate) async fn recover(
    session: &Session<'_>,
    host: &Host,
    lock: &BottleLock,
    queue: &Queue,
) -> Result<(), DecisionError> {
    let recovery = host.recover(lock, queue).await?;
    for recovered in recovery.recovered {
        say(session, lock, &recovered.id, recovered.what);
    }
    if !recovery.unfinished.is_empty() {
        // It was stopped half-way once.
        session.stops();
    }
    for unfinished in recovery.unfinished {
        let id = unfinished.id().unwrap_or_default().to_owned();
        let what = end(session, unfinished).await?;
        say(session, lock, &id, what);
    }
    Ok(())
}

/// As [`recover`], for a bottle that has no queue, and so nothing but edits.
pub(crate) async fn recover_edits(
    session: &Session<'_>,
    host: &Host,
    lock: &BottleLock,
) -> Result<(), DecisionError> {
    for edit in host.edits_interrupted(lock).await? {
        let what = end(session, Unfinished::Edit(edit)).await?;
        say(session, lock, "", what);
    }
    Ok(())
}

fn say(session: &Session<'_>, lock: &BottleLock, id: &str, what: RecoveredAs) {
    let id = SafeLine::new(id);
    let what = match what {
        RecoveredAs::Finished(status) => line!["finished an interrupted decision: ", id, " is ", status],
        RecoveredAs::Undone => line!["undid an interrupted decision: ", id, " is pending again"],
        RecoveredAs::Undelivered(status) => {
            let what = line![
                "an interrupted decision: ",
                id,
                " is ",
                status,
                " and in force, but "
            ];
            what.and("the agent can't be told; `supervise doctor` says how to take it back")
        }
        RecoveredAs::Edited => line!["finished an interrupted edit"],
        RecoveredAs::EditUndone => line!["undid an interrupted edit"],
    };
    session.ui.say(&[line![lock.slug(), ": "].join(what)]);
}

/// Brings a decision with an effect to its end: the file as it lies there says how far it had come.
async fn end(session: &Session<'_>, intended: Unfinished) -> Result<RecoveredAs, DecisionError> {
    match Effect::from_json(intended.effect()) {
        Ok(Effect::File(change)) => end_change(session, intended, change).await,
        Ok(Effect::Already) => fail(intended, INTERRUPTED).await,
        Ok(Effect::Refused { why }) | Err(why) => fail(intended, &why).await,
    }
}

async fn end_change(
    session: &Session<'_>,
    intended: Unfinished,
    change: FileChange,
) -> Result<RecoveredAs, DecisionError> {
    let (target, now) = match look(&change.path).await {
        Ok(found) => found,
        Err(why) if why.leaves_doubt() => {
            return Err(stuck(&intended, &change.path, why.trouble.to_string()));
        }
        Err(why) => return fail(intended, &interrupted_by(&why.to_string())).await,
    };
    if now.as_ref() == Some(&change.after) {
        return finish(session, intended, &change, &target).await;
    }
    if now != change.before {
        return end_moved(session, intended, &change, now.as_deref()).await;
    }
    // It may have been put back by a run that ended before the proxy was told.
    if change.kind == FileKind::Routes
        && let Err(why) = run_again(session, &change).await
    {
        let why = format!("{INTERRUPTED}; the file is as it was, but putting it in force failed: {why}");
        return fail(intended, &why).await;
    }
    fail(intended, INTERRUPTED).await
}

/// Somebody else has changed the file since: by hand, or by a decision about another bottle that shares it. What was
/// approved may stand in it all the same, and must not be in force with nothing but a failure in the audit log.
async fn end_moved(
    session: &Session<'_>,
    mut intended: Unfinished,
    change: &FileChange,
    now: Option<&str>,
) -> Result<RecoveredAs, DecisionError> {
    let moved = "the file was changed by somebody else";
    let mut stands = intended.final_file().zip(now);
    stands = stands.filter(|(asked, now)| change.kind == FileKind::Routes && has_route(now, asked));
    if stands.is_none() {
        return fail(intended, &interrupted_by(moved)).await;
    }
    let why = if intended.is_answerable() {
        match put_in_force(session, change).await {
            Ok(()) if intended.is_still_answerable().await? => return intended.finish().await,
            Ok(()) => LOST.to_owned(),
            Err(why) => why,
        }
    } else {
        LOST.to_owned()
    };
    let why = format!("{moved}, who left the route in it, so it is still there: {why}");
    fail(intended, &interrupted_by(&why)).await
}

/// The file as it lies there, its directory locked and what the crash left beside it gone.
async fn look(path: &Path) -> Result<(Target, Option<String>), TargetError> {
    let target = Target::open(path)?;
    target.lock().await?;
    target.sweep();
    let now = target.read()?.map(|live| live.text);
    Ok((target, now))
}

/// The file is written: its command decides, as it would have.
async fn finish(
    session: &Session<'_>,
    mut intended: Unfinished,
    change: &FileChange,
    target: &Target,
) -> Result<RecoveredAs, DecisionError> {
    let why = if intended.is_answerable() {
        target
            .sync()
            .map_err(|why| stuck(&intended, &change.path, why.trouble.to_string()))?;
        match put_in_force(session, change).await {
            Ok(()) if intended.is_still_answerable().await? => return intended.finish().await,
            Ok(()) => LOST.to_owned(),
            Err(why) => why,
        }
    } else {
        LOST.to_owned()
    };
    let Failed { why, rolled } = roll_back(session, change, target, why).await;
    match rolled {
        Rolled::Back => fail(intended, &why).await,
        Rolled::Stuck => Err(stuck(&intended, &change.path, why)),
    }
}

async fn fail(intended: Unfinished, why: &str) -> Result<RecoveredAs, DecisionError> {
    intended.fail(why).await
}

fn interrupted_by(why: &str) -> String {
    format!("it was interrupted, and then: {why}")
}

/// Left as it is, for the next to take the lock.
fn stuck(intended: &Unfinished, path: &Path, why: String) -> DecisionError {
    intended.unfinished(StoreError::Io {
        path: path.to_owned(),
        source: Arc::new(std::io::Error::other(why)),
    })
}
