//! Long texts a page at a time, so that nothing scrolls away before it was seen.

use crate::error::CliError;
use crate::prompt::{self, Page};
use crate::ui::{Line, Paint, Ui, line};

/// Room for what stands above the text, and for the question below it.
const RESERVED_ROWS: usize = 3;
const MIN_ROWS: usize = 5;

/// Says `lines`, which are wrapped already. Where they don't fit the terminal it waits after each page;
/// [`Page::Next`] means that they were shown to their end.
pub(crate) async fn say(ui: &Ui, lines: &[Line]) -> Result<Page, CliError> {
    let rows = ui.talk_rows().unwrap_or(usize::MAX);
    let room = rows.saturating_sub(RESERVED_ROWS).max(MIN_ROWS);
    if lines.len() > room {
        ui.say(&[line![lines.len(), " lines"].painted(Paint::Dim)]);
    }
    let mut shown = 0;
    for page in lines.chunks(room) {
        ui.say(page);
        shown += page.len();
        if shown == lines.len() {
            break;
        }
        let question = format!("{shown} of {} lines; next, skip, quit?", lines.len());
        match prompt::page(question).await? {
            Page::Next => {}
            left => return Ok(left),
        }
    }
    Ok(Page::Next)
}
