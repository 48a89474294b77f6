//! Carrying a change out, and taking it back when its command fails.

use supervise_core::{SafeLine, SafeText};

use super::command::{self, CommandFailed, Run};
use super::{FileChange, FileKind, Job, Target};
use crate::render::card::behind_gutter;
use crate::session::{Operator, Session};
use crate::ui::{Line, Paint, Stream, line};

const SHOWN_LINES: usize = 20;
const QUOTED_CHARS: usize = 300;

/// A change that did not take effect.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) why: String,
    pub(crate) rolled: Rolled,
}

/// What has become of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rolled {
    /// It is as it was, or somebody else has changed it since.
    Back,
    /// It could not be put back; the next to take the lock tries again.
    Stuck,
}

/// Whether the operator's Ctrl-C ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnSignal {
    Stop,
    /// Putting things back must not be cut short, but a rebuild that is too long for the operator, who has
    /// asked twice, may be.
    GoOn,
}

impl OnSignal {
    async fn stopped(self, session: &Session<'_>, kind: FileKind) {
        match (self, kind) {
            (OnSignal::Stop, _) => session.stops().reach(1).await,
            (OnSignal::GoOn, FileKind::Dockerfile) => session.stops().reach(2).await,
            (OnSignal::GoOn, FileKind::Routes) => std::future::pending().await,
        }
    }
}

impl Job {
    /// Writes the file and runs its command; if that fails, nothing has changed.
    pub(crate) async fn carry_out(&self, session: &Session<'_>) -> Result<(), Failed> {
        let (change, target) = (&self.change, &self.target);
        if let Err(why) = target.replace(self.before.as_ref(), Some(&change.after)) {
            return Err(put_back(change, target, why.to_string()));
        }
        match put_in_force(session, change).await {
            Ok(()) => Ok(()),
            Err(why) => Err(roll_back(session, change, target, why).await),
        }
    }
}

/// Puts the file back and its command in force again, and says all that went wrong.
pub(crate) async fn roll_back(
    session: &Session<'_>,
    change: &FileChange,
    target: &Target,
    why: String,
) -> Failed {
    let mut failed = put_back(change, target, why);
    if session.stops().any() && change.kind == FileKind::Dockerfile {
        let what =
            "interrupted: the old Dockerfile is back and is built again; once more to leave that to you";
        session.ui.say(&[line![what]]);
    }
    if failed.rolled == Rolled::Back
        && let Err(again) = run(session, change, OnSignal::GoOn).await
    {
        let command = change.command.join(" ");
        failed.why = format!(
            "{}; putting the old file in force failed too: {again}; run it by hand once it is mended: {command}",
            failed.why
        );
    }
    failed
}

/// Runs the command of a file that stands, and hears from the proxy itself that it is in force.
pub(crate) async fn put_in_force(session: &Session<'_>, change: &FileChange) -> Result<(), String> {
    run(session, change, OnSignal::Stop).await?;
    match &change.check {
        Some(check) => check.confirm(session).await,
        None => Ok(()),
    }
}

/// After a crash: the file is as it was, but its command may not have run since.
pub(crate) async fn run_again(session: &Session<'_>, change: &FileChange) -> Result<(), String> {
    run(session, change, OnSignal::Stop).await
}

fn put_back(change: &FileChange, target: &Target, why: String) -> Failed {
    let stuck = |why: String, more: String| Failed {
        why: format!("{why}; the old file could not be put back: {more}"),
        rolled: Rolled::Stuck,
    };
    let back = |why: String| Failed {
        why,
        rolled: Rolled::Back,
    };
    let now = match target.read() {
        Ok(now) => now,
        Err(more) if more.leaves_doubt() => return stuck(why, more.to_string()),
        Err(more) => return back(format!("{why}; the file is left alone: {more}")),
    };
    let text = now.as_ref().map(|live| live.text.as_str());
    if text == change.before.as_deref() {
        return back(why);
    }
    if text != Some(change.after.as_str()) {
        return back(format!(
            "{why}; somebody else has changed the file since, so it is left as it is"
        ));
    }
    match target.replace(now.as_ref(), change.before.as_deref()) {
        Ok(()) => back(why),
        Err(more) => stuck(why, more.to_string()),
    }
}

async fn run(session: &Session<'_>, change: &FileChange, on_signal: OnSignal) -> Result<(), String> {
    let doing = change.kind.doing();
    if change.kind == FileKind::Dockerfile {
        let name = SafeLine::new(&change.command.join(" "));
        session.ui.say(&[line![doing, ": ", name].painted(Paint::Dim)]);
    }
    let tick = |seconds: u64| {
        if session.operator == Operator::AtTerminal {
            session
                .ui
                .say(&[line!["still ", doing, ", ", seconds, " s"].painted(Paint::Dim)]);
        }
    };
    let this = Run {
        command: &change.command,
        file: &change.path,
        dir: session.root.path(),
        limit: change.kind.limit(),
    };
    let ran = command::run(this, on_signal.stopped(session, change.kind), tick).await;
    ran.map_err(|failed| {
        show(session, &failed);
        quoted(failed)
    })
}

/// What the command printed, behind the gutter: it may repeat what an agent wrote.
fn show(session: &Session<'_>, failed: &CommandFailed) {
    let safe = SafeText::new(failed.output.trim_end());
    let lines: Vec<Line> = Line::of_text(&safe).collect();
    let last = lines.len().saturating_sub(SHOWN_LINES);
    let shown = lines.into_iter().skip(last);
    if !failed.output.trim().is_empty() {
        session
            .ui
            .say(&behind_gutter(shown, session.ui.wrap_columns(Stream::Talk)));
    }
}

/// Why it failed, with the last line it printed.
fn quoted(failed: CommandFailed) -> String {
    match failed.output.trim_end().lines().next_back() {
        Some(last) if !last.trim().is_empty() => {
            let last: String = last.chars().take(QUOTED_CHARS).collect();
            format!("{}: {last}", failed.why)
        }
        _ => failed.why,
    }
}
