//! A text that was written in an editor and came to nothing.

use supervise_core::SafeLine;

use super::Sheet;
use crate::error::CliError;
use crate::ui::line;

/// What was written in an editor isn't lost with what it was written for.
pub(crate) fn keep(error: CliError, sheet: Sheet, text: &str) -> CliError {
    let kept = tempfile::Builder::new()
        .prefix(sheet.kept)
        .suffix(sheet.suffix)
        .tempfile()
        .and_then(|file| {
            std::fs::write(file.path(), text)?;
            Ok(file.keep()?.1)
        });
    let Ok(path) = kept else { return error };
    let place = line![
        "what you wrote is kept in ",
        SafeLine::new(&path.to_string_lossy())
    ];
    match error.advice().cloned() {
        Some(advice) => error.hint(advice.and("; ").join(place)),
        None => error.hint(place),
    }
}
