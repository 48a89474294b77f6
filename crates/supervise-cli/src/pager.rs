//! Long texts a page at a time, so that nothing scrolls away before it was seen.

use crate::error::CliError;
use crate::prompt::{self, Page, Reply};
use crate::session::Session;
use crate::ui::{Line, Paint, Stream, line};

/// Room for what stands above the text, and for the question below it.
const RESERVED_ROWS: usize = 3;
const MIN_ROWS: usize = 5;

/// Says what `text` makes of the terminal's width. Where it doesn't fit the terminal it waits after each page, and
/// begins anew when the terminal's size changes; [`Page::Next`] means that it was shown to its end.
pub(crate) async fn say(
    session: &Session<'_>,
    text: impl Fn(Option<usize>) -> Vec<Line>,
) -> Result<Page, CliError> {
    loop {
        let lines = text(session.ui.wrap_columns(Stream::Talk));
        if let Reply::Given(page) = say_once(session, &lines).await? {
            return Ok(page);
        }
    }
}

async fn say_once(session: &Session<'_>, lines: &[Line]) -> Result<Reply<Page>, CliError> {
    let ui = session.ui;
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
        let place = line![shown, " of ", lines.len(), " lines"];
        match prompt::page(session, place).await? {
            Reply::Given(Page::Next) => {}
            left => return Ok(left),
        }
    }
    Ok(Reply::Given(Page::Next))
}
