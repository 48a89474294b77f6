//! `supervise prune`: retention of what is archived, as a plan first.

use std::collections::HashSet;
use std::time::Duration as Patience;

use serde::Serialize;
use supervise_core::SafeLine;
use supervise_store::{Archive, Freed, Host, Place, PrunePlan, Queue, Retention, StoreError};
use time::{Duration, OffsetDateTime};

use crate::error::{CliError, Exit, Kind};
use crate::inbox::{PATIENCE, places};
use crate::prompt::{self, YesOrNo};
use crate::render::pruned;
use crate::session::{Consent, Format, Session};
use crate::span::span;
use crate::ui::{Line, line};
use crate::visit::{VisitError, visit_all, within};

const EXAMPLES: &str = "\
Examples:
  supervise prune --dry-run                    what would be deleted
  supervise prune                              lists it and asks
  supervise prune --older-than 30d --bottle dev --yes
  supervise prune --yes --json                 from a timer

Deleted are archived proposals (delivered or withdrawn) that arrived before then, with their
responses. Never what is pending or not yet delivered, nor the audit log. A proposal stays while
its refusal sticks, and a bottle keeps its last response. The room in a queue's file is used again;
the file itself does not shrink.";

/// What a look at one bottle's past may take.
const SURVEY: Patience = Patience::from_secs(10);

/// Delete archived proposals that are older than some months
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How old, such as 90d, 12h or 0
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = span)]
    older_than: Duration,
    /// Only say what would be deleted
    #[arg(long)]
    dry_run: bool,
}

/// What may go of one bottle.
struct Planned {
    place: Place,
    plan: PrunePlan,
}

#[derive(Serialize)]
struct PrunedObject {
    bottle_slug: String,
    planned: usize,
    bytes: u64,
    oldest: String,
    newest: String,
    deleted_proposals: u64,
    deleted_responses: u64,
    deleted_side_rows: u64,
    left: u64,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let retention = Retention {
        older_than: args.older_than,
    };
    let now = OffsetDateTime::now_utc();
    let (planned, exit) = survey(session, retention, now).await?;
    let rows: Vec<Line> = planned.iter().map(Planned::line).collect();
    if planned.is_empty() {
        session.ui.say(&[line!["nothing to prune"]]);
    }
    if planned.is_empty() || args.dry_run {
        print(
            session,
            &planned.iter().map(Planned::object).collect::<Vec<_>>(),
            &rows,
        )?;
        return Ok(exit);
    }
    if !is_meant(session, &rows).await? {
        session.ui.say(&[line!["nothing was deleted"]]);
        return Ok(exit);
    }
    act(session, planned, retention.cutoff(now), exit).await
}

/// Lists what would go and asks, unless the operator said yes beforehand.
async fn is_meant(session: &Session<'_>, rows: &[Line]) -> Result<bool, CliError> {
    if session.consent == Consent::Given {
        return Ok(true);
    }
    session.ui.say(rows);
    session.require_operator(
        "what is deleted has to be confirmed",
        "confirm it with --yes, or look first with --dry-run",
    )?;
    Ok(prompt::yes_or_no(session, "delete them?").await? == YesOrNo::Yes)
}

/// Looks at every bottle in scope. One that can't be read is said and left out.
async fn survey(
    session: &Session<'_>,
    retention: Retention,
    now: OffsetDateTime,
) -> Result<(Vec<Planned>, Exit), CliError> {
    let (places, mut troubles) = places(session)?;
    let mut found = Vec::new();
    for (place, archive) in visit_all(places, look).await? {
        match archive {
            Ok(archive) => found.push((place, archive)),
            Err(error) if error.is_gone() => {}
            Err(error) => troubles.push(line![place.slug, ": ", SafeLine::new(&error.to_string())]),
        }
    }
    found.sort_by(|(a, _), (b, _)| a.slug.cmp(&b.slug));
    // Read after the archives: a decision that isn't quite finished has had its intent since before.
    let host = Host::open_read_only(&session.root).await?;
    let mut planned = Vec::new();
    for (place, archive) in found {
        let needed = match &host {
            Some(host) => host.intended(&place.slug).await?,
            None => HashSet::new(),
        };
        let plan = retention.plan(archive, &needed, now);
        if plan.proposals() > 0 {
            planned.push(Planned { place, plan });
        }
    }
    let exit = if troubles.is_empty() {
        Exit::DONE
    } else {
        Kind::Failed.into()
    };
    troubles.into_iter().for_each(|trouble| session.ui.warn(trouble));
    Ok((planned, exit))
}

/// Being unreadable is found out in no time; looking through a long past may take longer.
async fn look(place: Place) -> (Place, Result<Archive, VisitError>) {
    let archive = match within(PATIENCE, Queue::read_at(&place)).await {
        Ok(queue) => within(SURVEY, queue.archive_survey()).await,
        Err(error) => Err(error),
    };
    (place, archive)
}

async fn act(
    session: &Session<'_>,
    planned: Vec<Planned>,
    cutoff: OffsetDateTime,
    mut exit: Exit,
) -> Result<Exit, CliError> {
    let (mut objects, mut rows) = (Vec::new(), Vec::new());
    for one in planned {
        let (slug, object) = (one.place.slug.clone(), one.object());
        match delete(session, one, cutoff).await {
            Ok(freed) => {
                objects.push(object.with(freed));
                rows.push(pruned::deleted(&slug, freed));
            }
            Err(error) => {
                session
                    .ui
                    .warn(line![slug, ": ", SafeLine::new(&error.to_string())]);
                exit = exit.or(Kind::Failed.into());
            }
        }
    }
    print(session, &objects, &rows)?;
    Ok(exit)
}

/// Deletes what is planned, and on the host what was remembered of proposals that are gone.
async fn delete(session: &Session<'_>, one: Planned, cutoff: OffsetDateTime) -> Result<Freed, StoreError> {
    let Planned { place, plan } = one;
    let queue = Queue::open_at(&place).await?;
    let mut freed = queue.archive_delete(plan).await?;
    if Host::open_read_only(&session.root).await?.is_some() {
        let host = Host::create(&session.root).await?;
        let shown = host.shown_before(&place.slug, cutoff).await?;
        let gone = queue.proposals_missing(shown).await?;
        freed.side_rows += host.shown_forget(&place.slug, gone).await?;
        host.close().await;
    }
    queue.close().await;
    Ok(freed)
}

impl Planned {
    fn line(&self) -> Line {
        let plan = &self.plan;
        let span = plan.span().unwrap_or_default();
        pruned::planned(&self.place.slug, plan.proposals(), span, plan.bytes())
    }

    fn object(&self) -> PrunedObject {
        let (oldest, newest) = self.plan.span().unwrap_or_default();
        PrunedObject {
            bottle_slug: self.place.slug.to_string(),
            planned: self.plan.proposals(),
            bytes: self.plan.bytes(),
            oldest: oldest.to_owned(),
            newest: newest.to_owned(),
            deleted_proposals: 0,
            deleted_responses: 0,
            deleted_side_rows: 0,
            left: 0,
        }
    }
}

impl PrunedObject {
    fn with(self, freed: Freed) -> Self {
        PrunedObject {
            deleted_proposals: freed.proposals,
            deleted_responses: freed.responses,
            deleted_side_rows: freed.side_rows,
            left: freed.left,
            ..self
        }
    }
}

fn print(session: &Session<'_>, objects: &[PrunedObject], rows: &[Line]) -> Result<(), CliError> {
    match session.format {
        Format::Json => session.ui.json(&objects),
        Format::Human => {
            session.ui.data(rows);
            Ok(())
        }
    }
}
