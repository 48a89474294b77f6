//! `supervise routes edit`: the operator's own change of a bottle's routes, shown, confirmed and audited.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;
use supervise_core::{
    Context, Proposal, Risk, RouteChange, Routes, RoutesError, SafeLine, Slug, Tool, assess, render_diff,
};

use super::live::Live;
use crate::edit::RoutesEdit;
use crate::editor::{self, Draft, Sheet};
use crate::error::{CliError, Exit, Kind};
use crate::pager;
use crate::prompt::{self, Page, YesOrNo};
use crate::render::card::behind_gutter;
use crate::render::{diff, routes};
use crate::risks;
use crate::session::{Consent, Format, Session};
use crate::source::{self, MAX_FILE_BYTES};
use crate::ui::{Line, Paint, Stream, line};

const EXAMPLES: &str = "\
Examples:
  supervise routes edit dev                                   opens $VISUAL or $EDITOR
  supervise routes edit dev --file routes.yaml --yes --notes \"the docs moved\"

What the edit opens and closes is shown, with its risks, and confirmed. It is carried out as an
approval is: written, reloaded and audited, as operator-edit, or the routes stay as they were and the
exit code is 7. If the file has changed since it was opened nothing is done, and the exit code is 5.";
/// What is written into a file that isn't there yet.
const FIRST: &str = "routes:\n";
/// Said of a payload's spelling or of a proposal, neither of which an edit has.
const NOT_OF_EDITS: [&str; 3] = ["outside-the-rules", "unusual-spelling", "credential-ignored"];

/// Change a bottle's routes yourself, without a proposal
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The bottle
    slug: Slug,
    /// The whole new routes file; - reads it from stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    notes: String,
}

#[derive(Serialize)]
struct EditedObject<'a> {
    bottle_slug: &'a str,
    applied: bool,
    audit_id: Option<i64>,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let live = Live::of(session, &args.slug)?;
    let edited = match &args.file {
        Some(path) => checked(&live, source::read(path)?)?,
        None => in_editor(session, &live).await?,
    };
    let Some(text) = edited else {
        session.ui.say(&[line!["unchanged: nothing was done"]]);
        return report(session, &args.slug, None);
    };
    if !confirmed(session, &args.slug, &live, &text).await? {
        session.ui.say(&[line!["nothing was done"]]);
        return report(session, &args.slug, None);
    }
    let edit = RoutesEdit {
        opened: live.text,
        text,
        notes: args.notes,
        via: "supervise routes edit",
    };
    let applied = edit.apply(session, &args.slug).await;
    match applied {
        Ok(audit_id) => report(session, &args.slug, Some(audit_id)),
        Err(error) if args.file.is_none() => Err(editor::keep(error, Sheet::ROUTES, &edit.text)),
        Err(error) => Err(error),
    }
}

/// The new text if it is another; refuses what must not become the routes.
fn checked(live: &Live, text: String) -> Result<Option<String>, CliError> {
    let before = live.text.as_deref();
    if before == Some(text.as_str()) || before.is_none() && text.trim() == FIRST.trim() {
        return Ok(None);
    }
    if text.trim().is_empty() {
        let error = CliError::usage("the file is empty, so nothing was done");
        return Err(error.hint("to close every route write `routes: []`"));
    }
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(CliError::usage("the file is over 1 MiB"));
    }
    match mistake(live, &text) {
        Some(error) => {
            let error = CliError::failed(SafeLine::new(&error.to_string()));
            Err(error.hint("nothing was done; mend that line and try again"))
        }
        None => Ok(Some(text)),
    }
}

/// What keeps a text from being a routes file.
fn mistake(live: &Live, text: &str) -> Option<RoutesError> {
    let before = routes_of(live.text.as_deref());
    Routes::parse(text)
        .and_then(|routes| routes.check_edit(&before))
        .err()
}

/// What can't be read has no routes to compare with: an edit may be what mends it.
fn routes_of(text: Option<&str>) -> Routes {
    Routes::parse(text.unwrap_or_default()).unwrap_or_default()
}

/// Lets the operator edit the file until it is good; `None` when it is unchanged or they would rather not.
async fn in_editor(session: &Session<'_>, live: &Live) -> Result<Option<String>, CliError> {
    let opened = live.text.as_deref().unwrap_or(FIRST);
    let endings = Endings::of(opened);
    let mut draft = Draft {
        text: opened.replace("\r\n", "\n"),
        mistake: None,
    };
    loop {
        draft.text = editor::edit(session, Sheet::ROUTES, &draft).await?;
        match checked(live, endings.restored(&draft.text)) {
            Ok(edited) => return Ok(edited),
            Err(error) if error.kind() == Kind::Usage => return Err(error),
            Err(error) => {
                session.ui.error(&error);
                if prompt::yes_or_no(session, "edit it again?").await? == YesOrNo::No {
                    return Ok(None);
                }
                let mistake = mistake(live, &draft.text);
                draft.mistake = mistake.map(|error| (error.line, error.problem.to_string()));
            }
        }
    }
}

/// How the lines of the file end; an editor gets, and gives back, plain newlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endings {
    Plain,
    CarriageReturn,
}

impl Endings {
    fn of(text: &str) -> Endings {
        match text.contains("\r\n") && !text.replace("\r\n", "").contains('\n') {
            true => Endings::CarriageReturn,
            false => Endings::Plain,
        }
    }

    fn restored(self, text: &str) -> String {
        match self {
            Endings::Plain => text.to_owned(),
            Endings::CarriageReturn => text.replace("\r\n", "\n").replace('\n', "\r\n"),
        }
    }
}

/// Shows what the edit comes to, and asks whether that is meant.
async fn confirmed(session: &Session<'_>, slug: &Slug, live: &Live, text: &str) -> Result<bool, CliError> {
    let shown = |columns| summary(slug, live, text, columns);
    if session.consent == Consent::Given {
        session.ui.say(&shown(session.ui.wrap_columns(Stream::Talk)));
        return Ok(true);
    }
    session.require_operator("the edit has to be confirmed", "confirm it with --yes")?;
    if pager::say(session, shown).await? != Page::Next {
        return Ok(false);
    }
    Ok(prompt::yes_or_no(session, "put these routes in force?").await? == YesOrNo::Yes)
}

fn summary(slug: &Slug, live: &Live, text: &str, columns: Option<usize>) -> Vec<Line> {
    let before = live.text.as_deref().unwrap_or_default();
    let (old, new) = (routes_of(live.text.as_deref()), routes_of(Some(text)));
    let changes = old.changes(&new);
    let diff = render_diff(before, text, Tool::EgressAllow.diff_label());
    let mut lines = behind_gutter(diff::lines(&diff), columns);
    let room = columns.unwrap_or(usize::MAX);
    let own = routes::changes(&changes)
        .into_iter()
        .chain(warnings(slug, &old, &changes));
    lines.extend(own.flat_map(|line| line.indented(2, room)));
    if changes.is_empty() {
        lines.push(line!["no route changes"].painted(Paint::Dim));
    }
    lines
}

/// What is risky about what the edit opens, judged as if an agent had asked for it.
fn warnings(slug: &Slug, before: &Routes, changes: &[RouteChange<'_>]) -> Vec<Line> {
    let context = Context {
        routes: Some(before),
        ..Context::default()
    };
    let opening = changes.iter().filter(|change| change.opens().is_some());
    let risks = opening.flat_map(|change| {
        let entry = change.after;
        let payload = json!({
            "host": change.host(),
            "path_allowlist": entry.map(|entry| &entry.path_allowlist),
            "auth": entry.and_then(|entry| entry.auth.as_ref()),
        });
        let asked = Proposal::new(slug, Tool::EgressAllow, payload.to_string(), "");
        assess(&asked, &context)
    });
    let is_of_edits = |risk: &Risk| !NOT_OF_EDITS.contains(&risk.code);
    risks
        .filter(is_of_edits)
        .map(|risk| line!["! ", &risk].painted(risks::paint(risk.level)))
        .collect()
}

fn report(session: &Session<'_>, slug: &Slug, audit_id: Option<i64>) -> Result<Exit, CliError> {
    if session.format == Format::Json {
        session.ui.json(&EditedObject {
            bottle_slug: slug.as_str(),
            applied: audit_id.is_some(),
            audit_id,
        })?;
    } else if let Some(audit_id) = audit_id {
        let done = line![]
            .paint(Paint::Green, "edited")
            .and(" the routes of ")
            .and(slug);
        session.ui.data(&[done.and(", audit entry ").and(audit_id)]);
    }
    Ok(Exit::DONE)
}
