//! Letting the operator edit a proposal in their own editor.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

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

/// What the operator made of the proposed file.
pub(crate) async fn edit(session: &Session<'_>, proposal: &Proposal) -> Result<String, CliError> {
    session.require_operator(
        "the proposal would be opened in an editor",
        "give the final file with --file",
    )?;
    if !is_plain(&proposal.proposed_file) {
        let error =
            CliError::failed("the proposed file holds characters that an editor may act on or not show");
        return Err(error.hint("write the final file yourself and give it with --file"));
    }
    let Some(editor) = session.environment.editor.clone() else {
        let error = CliError::usage("no editor is set");
        return Err(error.hint("set VISUAL or EDITOR, or give the final file with --file"));
    };
    let file = buffer(proposal).map_err(|source| CliError::failed("a file to edit").because(source))?;
    let status = run(editor.clone(), file.path()).await?;
    if status.success() {
        return source::read(file.path());
    }
    Err(CliError::failed(line![
        "the editor ",
        SafeLine::new(&editor),
        " failed, so nothing was decided"
    ]))
}

/// A file that only its owner can read.
fn buffer(proposal: &Proposal) -> std::io::Result<NamedTempFile> {
    let file = tempfile::Builder::new()
        .prefix("supervise-")
        .suffix(file_suffix(proposal.tool))
        .tempfile()?;
    let mut writer: &File = file.as_file();
    writer.write_all(proposal.proposed_file.as_bytes())?;
    Ok(file)
}

/// Runs the editor, an argument list split at blanks: no shell ever sees it.
async fn run(editor: String, file: &Path) -> Result<ExitStatus, CliError> {
    // Ctrl-C belongs to the editor while it runs; taking the signal keeps it from ending this program.
    let _ours = signal(SignalKind::interrupt());
    let mut words = editor.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).arg(file);
    let run = spawn_blocking(move || command.status());
    let failed = || CliError::failed(line!["the editor ", SafeLine::new(&editor), " can't be started"]);
    match run.await {
        Ok(Ok(status)) => Ok(status),
        Ok(Err(source)) => Err(failed().because(source)),
        Err(source) => Err(failed().because(source)),
    }
}
