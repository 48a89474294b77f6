//! Letting the operator edit a proposal in their own editor.

mod buffer;
mod kept;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

pub(crate) use kept::keep;
use supervise_core::{Proposal, SafeLine};
use tempfile::NamedTempFile;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::check::file_suffix;
use crate::error::CliError;
use crate::session::Session;
use crate::source;
use crate::ui::line;
use crate::visible::is_plain;

/// Editors that take `+LINE` before a file's name; any other might take it for a file.
const TAKE_A_LINE: [&str; 8] = [
    "vi",
    "vim",
    "nvim",
    "view",
    "nano",
    "emacs",
    "emacsclient",
    "micro",
];

/// What is edited, in words for the operator, and what kind of text an editor should take it for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sheet {
    pub(crate) suffix: &'static str,
    /// Says what it is.
    pub(crate) what: &'static str,
    pub(crate) if_unchanged: &'static str,
    pub(crate) if_empty: &'static str,
    /// How the file begins that keeps it when it came to nothing.
    pub(crate) kept: &'static str,
}

impl Sheet {
    pub(crate) const ROUTES: Sheet = Sheet {
        suffix: ".yaml",
        what: "These are the bottle's live routes. Save them as they should be.",
        if_unchanged: "Unchanged: nothing is done.",
        if_empty: "Empty: nothing is done.",
        kept: "supervise-routes-",
    };

    pub(crate) fn of(proposal: &Proposal) -> Sheet {
        Sheet {
            suffix: file_suffix(proposal.tool),
            what: "This is what the agent proposes. Save what you want approved instead.",
            if_unchanged: "Unchanged: you are asked whether to approve it as proposed.",
            if_empty: "Empty: nothing is decided.",
            kept: "supervise-final-",
        }
    }
}

/// A text on its way to an answer.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) text: String,
    /// What was wrong with it, and in which of its lines.
    pub(crate) mistake: Option<(usize, String)>,
}

impl Draft {
    pub(crate) fn of(proposal: &Proposal) -> Draft {
        Draft {
            text: proposal.proposed_file.clone(),
            mistake: None,
        }
    }
}

/// What the operator made of the draft.
pub(crate) async fn edit(session: &Session<'_>, sheet: Sheet, draft: &Draft) -> Result<String, CliError> {
    session.require_operator(
        "it would be opened in an editor",
        "give the final file with --file",
    )?;
    check_trusted(&draft.text)?;
    let Some(editor) = session.environment.editor.clone() else {
        let error = CliError::usage("no editor is set");
        return Err(error.hint("set VISUAL or EDITOR, or give the final file with --file"));
    };
    let header = buffer::header(sheet, draft);
    let file = private_file(sheet, &header, &draft.text)
        .map_err(|source| CliError::failed("a file to edit").because(source))?;
    let at = draft
        .mistake
        .as_ref()
        .map(|(at, _)| header.matches('\n').count() + at);
    let status = run(editor.clone(), at, file.path()).await?;
    if status.success() {
        return source::read(file.path()).map(buffer::without_header);
    }
    Err(CliError::failed(line![
        "the editor ",
        SafeLine::new(&editor),
        " failed, so nothing was done"
    ]))
}

/// Refuses what an editor would act on when it opens the file.
fn check_trusted(text: &str) -> Result<(), CliError> {
    let trouble = if !is_plain(text) {
        "the file holds characters that an editor may act on or not show"
    } else if buffer::has_modeline(text) {
        "the file holds a line that an editor may take for its own settings"
    } else {
        return Ok(());
    };
    Err(CliError::failed(trouble).hint("write the final file yourself and give it with --file"))
}

/// A file that only its owner can read.
fn private_file(sheet: Sheet, header: &str, text: &str) -> std::io::Result<NamedTempFile> {
    let file = tempfile::Builder::new()
        .prefix("supervise-")
        .suffix(sheet.suffix)
        .tempfile()?;
    let mut writer: &File = file.as_file();
    writer.write_all(header.as_bytes())?;
    writer.write_all(text.as_bytes())?;
    Ok(file)
}

/// Runs the editor, an argument list split at blanks: no shell ever sees it.
async fn run(editor: String, at: Option<usize>, file: &Path) -> Result<ExitStatus, CliError> {
    // Ctrl-C belongs to the editor while it runs; taking the signal keeps it from ending this program.
    let _ours = signal(SignalKind::interrupt());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(program);
    command.args(words);
    if let Some(at) = at.filter(|_| takes_a_line(program)) {
        command.arg(format!("+{at}"));
    }
    command.arg(file);
    let run = spawn_blocking(move || command.status());
    let failed = || CliError::failed(line!["the editor ", SafeLine::new(&editor), " can't be started"]);
    match run.await {
        Ok(Ok(status)) => Ok(status),
        Ok(Err(source)) => Err(failed().because(source)),
        Err(source) => Err(failed().because(source)),
    }
}

fn takes_a_line(program: &str) -> bool {
    let name = Path::new(program).file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| TAKE_A_LINE.contains(&name))
}
