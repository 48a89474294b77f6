//! Where lines begin and end, and text spliced in between them.

use std::ops::Range;

/// A replacement in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) at: Range<usize>,
    pub(super) text: String,
}

impl Splice {
    pub(super) fn insert(at: usize, text: impl Into<String>) -> Self {
        Splice::replace(at..at, text)
    }

    pub(super) fn replace(at: Range<usize>, text: impl Into<String>) -> Self {
        Splice {
            at,
            text: text.into(),
        }
    }
}

/// `text` with every splice made; they must not overlap.
pub(super) fn splice(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| splice.at.start);
    let mut out = text.to_owned();
    for splice in splices.into_iter().rev() {
        out.replace_range(splice.at, &splice.text);
    }
    out
}

/// Where the line of `at` begins.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line of `at` ends, before its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    match text[at..end].ends_with('\r') {
        true => end - 1,
        false => end,
    }
}

/// Where the line after that of `at` begins; the text's end if there is none.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    text[at..]
        .find('\n')
        .map_or(text.len(), |newline| at + newline + 1)
}

/// The line break the text uses.
pub(super) fn line_break(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// What stands before `at` in its line.
pub(super) fn head(text: &str, at: usize) -> &str {
    &text[line_start(text, at)..at]
}

/// How far in its line `at` stands.
pub(super) fn column(text: &str, at: usize) -> usize {
    head(text, at).len()
}

/// Where the line below a block begins. A block scalar ends in that line, before its first word.
pub(super) fn below(text: &str, end: usize) -> usize {
    let bare = text[..end].trim_end_matches([' ', '\t']);
    match bare.ends_with('\n') {
        true => bare.len(),
        false => next_line(text, end),
    }
}

pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| b == b' ' || b == b'\t')
}

/// New lines below the one in which a block ends. Comments that stand deeper than the block's `column` speak
/// of what they follow, so the new lines go behind them.
pub(super) fn insert_below(text: &str, end: usize, column: usize, lines: &[String]) -> Splice {
    let mut at = below(text, end);
    while is_deeper_comment(&text[at..], column) {
        at = next_line(text, at);
    }
    let newline = line_break(text);
    if at > 0 && !text[..at].ends_with('\n') {
        return Splice::insert(
            at,
            lines
                .iter()
                .map(|line| format!("{newline}{line}"))
                .collect::<String>(),
        );
    }
    Splice::insert(
        at,
        lines
            .iter()
            .map(|line| format!("{line}{newline}"))
            .collect::<String>(),
    )
}

fn is_deeper_comment(text: &str, column: usize) -> bool {
    let bare = text.trim_start_matches(' ');
    bare.starts_with('#') && text.len() - bare.len() > column
}
