//! `supervise prepare`: makes a bottle's queue directory and says how to mount it.

use serde::Serialize;
use supervise_core::{Plan, QUEUE_DB_FILENAME, QUEUE_DIR_IN_CONTAINER, SafeLine, Slug};
use supervise_store::{Backend, Mount, Place};

use crate::error::{CliError, Exit};
use crate::queues::Queues;
use crate::session::{Format, Session};
use crate::ui::{Line, line};

const EXAMPLES: &str = "\
Examples:
  supervise prepare dev
  supervise prepare dev --queue files      for a bottle in a virtual machine, or one that must not write answers
  supervise prepare dev --json | jq -r '.mounts[] | \"\\(.source):\\(.target):\\(.mode)\"'

Mount directories, not the files in them. The kind of the queue is written into queues.toml, by the file system that
the directory lies on: sqlite where it is this kernel's alone, files elsewhere.";

/// Make the queue directory of a new bottle
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The bottle's name
    slug: Slug,
    /// The kind of queue: sqlite, or files where the bottle runs on another kernel
    #[arg(long, value_name = "KIND", value_parser = ["sqlite", "files"])]
    queue: Option<String>,
}

/// The plan, and what is to be mounted where.
#[derive(Serialize)]
struct PreparedObject {
    #[serde(flatten)]
    plan: Plan,
    backend: &'static str,
    mounts: Vec<MountObject>,
}

#[derive(Serialize)]
struct MountObject {
    source: String,
    target: String,
    mode: &'static str,
}

pub(crate) fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let plan = supervise_store::prepare(&session.root, &args.slug)?;
    let chosen = args.queue.as_deref().and_then(Backend::from_name);
    let (backend, why) = choose(session, &args.slug, chosen)?;
    let place = Place::new(&session.root, &args.slug, backend);
    check_kept(&place)?;
    place.prepare()?;
    Queues::choose(&session.root, &args.slug, backend)?;
    let mounts = mounts(&place);
    if session.format == Format::Json {
        let backend = backend.name();
        session.ui.json(&PreparedObject {
            plan,
            backend,
            mounts,
        })?;
        return Ok(Exit::DONE);
    }
    let dir = SafeLine::new(&plan.queue_dir.to_string_lossy());
    let mut lines = vec![
        line!["bottle           ", &args.slug],
        line!["queue directory  ", dir],
        line!["kind of queue    ", backend.name(), ", ", SafeLine::new(&why)],
    ];
    lines.extend(mounts.iter().map(mounted));
    session.ui.data(&lines);
    Ok(Exit::DONE)
}

/// The kind of a bottle's queue, and why: as told now, else as told before, else by where the directory lies.
fn choose(
    session: &Session<'_>,
    slug: &Slug,
    chosen: Option<Backend>,
) -> Result<(Backend, String), CliError> {
    if let Some(backend) = chosen {
        return Ok((backend, "as --queue says".to_owned()));
    }
    if let Some(backend) = session.queues()?.backend(slug) {
        return Ok((backend, "as queues.toml says".to_owned()));
    }
    if cfg!(target_os = "macos") {
        return Ok((
            Backend::Files,
            "since bottles run on another kernel here".to_owned(),
        ));
    }
    Ok(match Mount::of(&session.root.queue_dir(slug)) {
        Mount::Local(kind) => (Backend::Sqlite, format!("since it lies on {kind}")),
        Mount::Shared(kind) => (
            Backend::Files,
            format!("since it lies on {kind}, which another kernel may have mounted too"),
        ),
    })
}

/// What was queued in one kind isn't seen by the other, so a bottle with something in it keeps its kind.
fn check_kept(place: &Place) -> Result<(), CliError> {
    let there = if place.backend == Backend::Files {
        place.dir.join(QUEUE_DB_FILENAME)
    } else {
        place.history.join(QUEUE_DB_FILENAME)
    };
    if !there.exists() {
        return Ok(());
    }
    let message = line![
        &place.slug,
        " has a queue of the other kind, which would no longer be seen"
    ];
    let hint = line![
        "stop the bottle, decide what is pending, then move it away: ",
        SafeLine::new(&there.to_string_lossy())
    ];
    Err(CliError::usage(message).hint(hint))
}

fn mounts(place: &Place) -> Vec<MountObject> {
    let mount = |below: &str, mode| MountObject {
        source: place
            .dir
            .join(below)
            .to_string_lossy()
            .trim_end_matches('/')
            .to_owned(),
        target: format!("{QUEUE_DIR_IN_CONTAINER}/{below}")
            .trim_end_matches('/')
            .to_owned(),
        mode,
    };
    match place.backend {
        // Everything read-only, and one way in for what the bottle has to say.
        Backend::Files => vec![mount("", "ro"), mount("in", "rw")],
        _ => vec![mount("", "rw")],
    }
}

fn mounted(mount: &MountObject) -> Line {
    let (source, target) = (SafeLine::new(&mount.source), SafeLine::new(&mount.target));
    line!["mount            ", source, ":", target, ":", mount.mode]
}
