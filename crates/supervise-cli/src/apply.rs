//! What approving changes: the plan of a file and a command, made under the bottle's lock from what is there.

mod carry;
mod command;
mod confirm;
mod effect;
mod introspect;
mod live;
mod orphans;
mod target;
mod trouble;

use std::path::PathBuf;

use supervise_core::{Digest, Merged, Proposal, Route, Routes, Slug, Tool, merge, render_diff};

pub(crate) use carry::{Failed, Rolled, put_in_force, roll_back, run_again};
use confirm::{Expected, LiveCheck};
pub(crate) use effect::{Effect, FileChange, FileKind};
pub(crate) use introspect::Introspection;
pub(crate) use live::{LiveFile, Preview};
pub(crate) use target::{Live, Target};
pub(crate) use trouble::TargetError;

use crate::config::{Config, Places};
use crate::error::CliError;
use crate::session::Session;

/// What one approval comes to.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Nothing is configured for the tool.
    Nothing,
    /// Everything asked for is there already.
    Already(Already),
    Change(Job),
    /// What is there can't be changed. Nothing was touched.
    Refused(String),
}

/// A file that has everything asked for.
#[derive(Debug)]
pub(crate) struct Already {
    pub(crate) path: PathBuf,
    check: Option<LiveCheck>,
}

impl Already {
    /// The file has it; the proxy that reads the file must have it too, where it can be asked.
    pub(crate) async fn confirm(&self, session: &Session<'_>) -> Result<(), String> {
        match &self.check {
            Some(check) => check.confirm(session).await,
            None => Ok(()),
        }
    }
}

/// A change with its file at hand; the file's directory stays locked until this is dropped.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) change: FileChange,
    pub(crate) target: Target,
    pub(crate) before: Option<Live>,
}

impl Plan {
    /// What is written down before anything is done.
    pub(crate) fn effect(&self) -> Option<Effect> {
        match self {
            Plan::Nothing => None,
            Plan::Already(_) => Some(Effect::Already),
            Plan::Change(job) => Some(Effect::File(job.change.clone())),
            Plan::Refused(why) => Some(Effect::Refused { why: why.clone() }),
        }
    }

    /// The routes file before and after, as digests. Two proposals that were both looked at may be approved in one
    /// go: a route is added to whatever routes there are. Of two Dockerfiles only one can be meant.
    pub(crate) fn step(&self) -> Option<(Digest, Digest)> {
        let Plan::Change(Job { change, .. }) = self else {
            return None;
        };
        let state = |text: Option<&String>| LiveFile::Found {
            kind: change.kind,
            path: change.path.clone(),
            text: text.cloned(),
        };
        let step = (state(change.before.as_ref()), state(Some(&change.after)));
        (change.kind == FileKind::Routes).then(|| (step.0.digest(), step.1.digest()))
    }

    /// Current to final, for the audit. Where nothing is configured, current isn't known and counts as empty.
    pub(crate) fn diff(&self, tool: Tool, text: &str) -> String {
        match self {
            Plan::Nothing => render_diff("", text, tool.diff_label()),
            Plan::Already(_) | Plan::Refused(_) => String::new(),
            Plan::Change(job) => {
                let before = job.before.as_ref().map_or("", |live| live.text.as_str());
                render_diff(before, &job.change.after, tool.diff_label())
            }
        }
    }
}

/// What giving `text` to the bottle comes to. Call it under the bottle's lock.
pub(crate) async fn plan(
    session: &Session<'_>,
    config: &Config,
    proposal: &Proposal,
    slug: &Slug,
    text: &str,
) -> Plan {
    let places = Places {
        root: &session.root,
        slug,
    };
    let Some(wanted) = wanted(config, places, proposal.tool) else {
        return Plan::Nothing;
    };
    let author = Author::of(proposal, text);
    plan_file(wanted, author, text)
        .await
        .unwrap_or_else(Plan::Refused)
}

/// What is configured for a tool.
struct Wanted {
    kind: FileKind,
    path: PathBuf,
    command: Vec<String>,
    introspection: Option<Introspection>,
}

fn wanted(config: &Config, places: Places<'_>, tool: Tool) -> Option<Wanted> {
    match tool {
        Tool::EgressAllow | Tool::EgressBlock => config.egress.as_ref().map(|egress| Wanted {
            kind: FileKind::Routes,
            path: places.path(&egress.routes_file),
            command: places.command(&egress.reload),
            introspection: places.introspection(egress),
        }),
        Tool::CapabilityBlock => config.capability.as_ref().map(|capability| Wanted {
            kind: FileKind::Dockerfile,
            path: places.path(&capability.dockerfile),
            command: places.command(&capability.rebuild),
            introspection: None,
        }),
        Tool::ListEgressRoutes | Tool::GitleaksAllow | Tool::EgressTokenAllow => None,
    }
}

async fn plan_file(wanted: Wanted, author: Author, text: &str) -> Result<Plan, String> {
    let target = Target::open(&wanted.path)?;
    target.lock().await?;
    let before = target.read()?;
    target.check_writable(before.as_ref())?;
    let current = before.as_ref().map_or("", |live| live.text.as_str());
    let after = match wanted.kind {
        FileKind::Routes => {
            merged(current, author, text).map_err(|why| format!("{}: {why}", wanted.path.display()))?
        }
        // An equal Dockerfile is still built: nobody knows what the image was built from.
        FileKind::Dockerfile => Some(text.to_owned()),
    };
    let check = wanted
        .introspection
        .map(|introspection| LiveCheck::new(introspection, Expected::asked(text)));
    let Some(after) = after else {
        let path = wanted.path;
        return Ok(Plan::Already(Already { path, check }));
    };
    let change = FileChange {
        kind: wanted.kind,
        path: wanted.path,
        before: before.as_ref().map(|live| live.text.clone()),
        after,
        command: wanted.command,
        check,
    };
    change.check_size()?;
    Ok(Plan::Change(Job {
        change,
        target,
        before,
    }))
}

/// What an operator's own edit comes to.
#[derive(Debug)]
pub(crate) enum EditPlan {
    Change(Box<Job>),
    /// The file is another than the one that was opened.
    Moved,
    /// What is there can't be changed. Nothing was touched.
    Refused(String),
}

/// What giving the routes file that was read as `opened` the text `after` comes to. Call it under the bottle's
/// lock.
pub(crate) async fn plan_edit(
    session: &Session<'_>,
    slug: &Slug,
    opened: Option<&str>,
    after: &str,
) -> Result<EditPlan, CliError> {
    let places = Places {
        root: &session.root,
        slug,
    };
    match wanted(session.config()?, places, Tool::EgressAllow) {
        Some(wanted) => Ok(plan_text(wanted, opened, after)
            .await
            .unwrap_or_else(EditPlan::Refused)),
        None => Ok(EditPlan::Moved),
    }
}

async fn plan_text(wanted: Wanted, opened: Option<&str>, after: &str) -> Result<EditPlan, String> {
    let target = Target::open(&wanted.path)?;
    target.lock().await?;
    let before = target.read()?;
    if before.as_ref().map(|live| live.text.as_str()) != opened {
        return Ok(EditPlan::Moved);
    }
    target.check_writable(before.as_ref())?;
    let routes = |text: &str| Routes::parse(text).unwrap_or_default();
    let (old, new) = (routes(opened.unwrap_or_default()), routes(after));
    let change = FileChange {
        kind: wanted.kind,
        path: wanted.path,
        before: opened.map(str::to_owned),
        after: after.to_owned(),
        command: wanted.command,
        check: wanted
            .introspection
            .map(|introspection| LiveCheck::of_edit(introspection, &old.changes(&new))),
    };
    change.check_size()?;
    Ok(EditPlan::Change(Box::new(Job {
        change,
        target,
        before,
    })))
}

/// By whose rules a payload is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    Agent,
    /// An operator may write what no agent may ask for.
    Operator,
}

impl Author {
    /// What was proposed is the agent's, however it is decided.
    fn of(proposal: &Proposal, text: &str) -> Author {
        if text == proposal.proposed_file {
            Author::Agent
        } else {
            Author::Operator
        }
    }
}

/// Whether a routes file has all of a route that was decided.
pub(crate) fn has_route(current: &str, payload: &str) -> bool {
    matches!(merged(current, Author::Operator, payload), Ok(None))
}

/// The routes file with the route in it; `None` when all of it is allowed already.
fn merged(current: &str, author: Author, payload: &str) -> Result<Option<String>, String> {
    let route = match author {
        Author::Agent => Route::from_payload(payload),
        Author::Operator => Route::by_hand(payload),
    };
    let route = route.map_err(|error| format!("the proposal is no route: {error}"))?;
    match merge(current, &route).map_err(|error| error.to_string())? {
        Merged::AlreadyAllowed => Ok(None),
        Merged::Changed { text, .. } => match Routes::parse(&text) {
            Ok(_) => Ok(Some(text)),
            Err(error) => Err(error.to_string()),
        },
    }
}
