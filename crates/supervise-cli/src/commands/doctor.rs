//! `supervise doctor`: what is wrong with an installation, and the command that mends it.

mod answers;
mod bottle;
mod configured;
mod host;
mod undelivered;

use serde::Serialize;
use supervise_core::SafeLine;

use crate::error::{CliError, Exit, Kind};
use crate::session::{Format, Session};
use crate::ui::{Line, Paint, line};

const EXAMPLES: &str = "\
Examples:
  supervise doctor
  supervise doctor --bottle dev
  supervise doctor --json | jq -r '.[] | select(.level == \"wrong\") | .mend'

It looks at modes and owners, the mount and the tables of each queue, rows that are never listed,
answers that no audit entry tells of, decisions in force that no agent was told of, rows that belong
to nothing, interrupted decisions, the clock, the kind of each queue and what it lies on,
supervise.toml and the programs and files it names. Nothing is changed, except that a queue directory
of yours that is open to others is closed to them, as every verb does. The exit code is 1 when
something is wrong; notes alone are fine.";

/// Check the installation, and say what mends it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Note,
    Wrong,
}

/// One thing that was found. Texts are raw: they may hold anything that lies on the disk.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    level: Level,
    /// What it is about: a bottle, or a path.
    about: String,
    text: String,
    /// A command, or what else to do.
    mend: String,
}

impl Finding {
    pub(crate) fn new(
        level: Level,
        about: impl Into<String>,
        text: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Finding {
            level,
            about: about.into(),
            text: text.into(),
            mend: mend.into(),
        }
    }

    pub(crate) fn lines(&self) -> [Line; 2] {
        let (word, paint) = match self.level {
            Level::Note => ("note", Paint::Yellow),
            Level::Wrong => ("wrong", Paint::Red),
        };
        let what = Line::default().paint(paint, word).pad_to(MARGIN);
        let mend = Line::default().pad_to(MARGIN).paint(Paint::Cyan, "mend: ");
        [
            what.paint(Paint::Bold, SafeLine::new(&self.about))
                .and(": ")
                .and(SafeLine::new(&self.text)),
            mend.and(SafeLine::new(&self.mend)),
        ]
    }
}

/// Columns before a finding's text.
const MARGIN: usize = 7;

pub(crate) async fn run(_: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let mut findings = host::check(session).await;
    let (found, kinds) = bottle::check(session).await?;
    findings.extend(found);
    match session.format {
        Format::Json => session.ui.json(&findings)?,
        Format::Human => {
            let lines: Vec<Line> = findings.iter().flat_map(Finding::lines).collect();
            session.ui.data(&lines);
            session.ui.say(&kinds);
            if findings.is_empty() {
                session.ui.say(&[line!["nothing is wrong"]]);
            }
        }
    }
    let wrong = findings.iter().any(|finding| finding.level == Level::Wrong);
    Ok(if wrong { Kind::Failed.into() } else { Exit::DONE })
}

/// A path as one word of a shell line.
fn quoted(path: &std::path::Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
