//! Lines that are safe to print: made of fixed text, numbers and escaped text, and of nothing else.

use supervise_core::{Component, Digest, Risk, SafeLine, SafeText, Slug, Status, Tool};

use crate::visible::is_visible;

/// How a part looks where colour is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Paint {
    #[default]
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Paint {
    /// The escape sequence that starts it; empty for plain.
    pub(super) fn start(self) -> &'static str {
        match self {
            Paint::Plain => "",
            Paint::Bold => "\x1b[1m",
            Paint::Dim => "\x1b[2m",
            Paint::Red => "\x1b[31m",
            Paint::Green => "\x1b[32m",
            Paint::Yellow => "\x1b[33m",
            Paint::Cyan => "\x1b[36m",
        }
    }
}

/// What may stand in a line. There is no implementation for a `String`: text that isn't fixed in the program
/// has to go through [`SafeLine`].
pub(crate) trait Printable {
    fn text(&self) -> String;
}

impl Printable for &'static str {
    fn text(&self) -> String {
        (*self).to_owned()
    }
}

macro_rules! printable {
    ($($type:ty)*) => {
        $(impl Printable for $type {
            fn text(&self) -> String {
                self.to_string()
            }
        })*
    };
}

printable!(u64 u32 usize i64 u8 SafeLine Slug Status Tool Component Digest);

/// Core has escaped its text, and masked what is secret in it. Anything else would be escaped here.
impl Printable for Risk {
    fn text(&self) -> String {
        let line = format!("{}: {}", self.code, self.text);
        if line.chars().all(is_visible) {
            line
        } else {
            SafeLine::new(&line).to_string()
        }
    }
}

impl<T: Printable> Printable for &T {
    fn text(&self) -> String {
        (*self).text()
    }
}

/// One line of output, without its newline.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    spans: Vec<(Paint, String)>,
}

impl Line {
    /// Adds a part.
    #[must_use]
    pub(crate) fn and(self, part: impl Printable) -> Line {
        self.paint(Paint::Plain, part)
    }

    /// Adds a part in a colour.
    #[must_use]
    pub(crate) fn paint(mut self, paint: Paint, part: impl Printable) -> Line {
        self.spans.push((paint, part.text()));
        self
    }

    /// Adds another line's parts.
    #[must_use]
    pub(crate) fn join(mut self, other: Line) -> Line {
        self.spans.extend(other.spans);
        self
    }

    /// Adds blanks until the line is `columns` wide.
    #[must_use]
    pub(crate) fn pad_to(mut self, columns: usize) -> Line {
        let missing = columns.saturating_sub(self.width());
        self.spans.push((Paint::Plain, " ".repeat(missing)));
        self
    }

    /// The lines of an escaped text, all in one colour.
    pub(crate) fn of_text(text: &SafeText) -> impl Iterator<Item = Line> {
        text.lines().map(|line| Line {
            spans: vec![(Paint::Plain, line.to_owned())],
        })
    }

    /// The same line in one colour.
    #[must_use]
    pub(crate) fn painted(mut self, paint: Paint) -> Line {
        self.spans.iter_mut().for_each(|span| span.0 = paint);
        self
    }

    /// The text without colours.
    pub(crate) fn plain(&self) -> String {
        self.spans.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// Columns on a terminal.
    pub(crate) fn width(&self) -> usize {
        self.spans
            .iter()
            .map(|(_, text)| console::measure_text_width(text))
            .sum()
    }

    /// The line, cut to `columns` with an ellipsis when it is longer.
    #[must_use]
    pub(crate) fn cut(self, columns: usize) -> Line {
        if self.width() <= columns {
            return self;
        }
        let cells = self.cells();
        let kept = fitting(&cells, columns.saturating_sub(1));
        Line::of_cells(&cells[..kept]).and("…")
    }

    /// The line as pieces of at most `columns`, so that the terminal never wraps it by itself. It breaks behind
    /// a blank where there is one near the end, and loses nothing.
    pub(crate) fn wrapped(self, columns: usize) -> Vec<Line> {
        if self.width() <= columns {
            return vec![self];
        }
        let cells = self.cells();
        let mut pieces = Vec::new();
        let mut rest = cells.as_slice();
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(breaking(rest, columns));
            pieces.push(Line::of_cells(piece));
            rest = later;
        }
        pieces
    }

    /// The line wrapped at `columns`, every piece but the first behind `indent` blanks.
    pub(crate) fn indented(&self, indent: usize, columns: usize) -> Vec<Line> {
        let mut pieces = self.clone().wrapped(columns.saturating_sub(indent).max(1));
        for piece in pieces.iter_mut().skip(1) {
            *piece = Line::default().pad_to(indent).join(std::mem::take(piece));
        }
        pieces
    }

    fn cells(&self) -> Vec<Cell> {
        let cells = |(paint, text): &(Paint, String)| text.chars().map(|c| (*paint, c)).collect::<Vec<_>>();
        self.spans.iter().flat_map(cells).collect()
    }

    fn of_cells(cells: &[Cell]) -> Line {
        let same_paint = cells.chunk_by(|a, b| a.0 == b.0);
        let span = |chunk: &[Cell]| (chunk[0].0, chunk.iter().map(|cell| cell.1).collect());
        Line {
            spans: same_paint.map(span).collect(),
        }
    }

    /// The line as it is written, with colours or without.
    pub(super) fn write_to(&self, out: &mut String, colours: super::Colours) {
        for (paint, text) in &self.spans {
            if colours == super::Colours::Off || *paint == Paint::Plain {
                out.push_str(text);
            } else {
                out.push_str(paint.start());
                out.push_str(text);
                out.push_str("\x1b[0m");
            }
        }
        out.push('\n');
    }
}

/// A character and its colour.
type Cell = (Paint, char);

/// How many of the characters fit into `columns`.
fn fitting(cells: &[Cell], columns: usize) -> usize {
    let mut used = 0;
    let too_wide = |cell: &Cell| {
        used += char_width(cell.1);
        used > columns
    };
    cells.iter().position(too_wide).unwrap_or(cells.len())
}

/// Where to break: at least one character on, however narrow the terminal.
fn breaking(cells: &[Cell], columns: usize) -> usize {
    let fit = fitting(cells, columns).max(1);
    if fit == cells.len() {
        return fit;
    }
    let blank = cells[..fit]
        .iter()
        .rposition(|cell| cell.1 == ' ')
        .map_or(0, |at| at + 1);
    if blank > fit / 2 { blank } else { fit }
}

fn char_width(c: char) -> usize {
    if c.is_ascii() {
        1
    } else {
        console::measure_text_width(c.encode_utf8(&mut [0; 4]))
    }
}

/// Builds a [`Line`] from its parts.
macro_rules! line {
    ($($part:expr),* $(,)?) => { $crate::ui::Line::default()$(.and($part))* };
}
pub(crate) use line;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_wrapped_by_columns() {
        let line = line!["日本語 ", 7_u64, " ", SafeLine::new("e\u{301}\u{1b}")];
        assert_eq!(line.width(), 18);
        assert_eq!(line.clone().cut(18).plain(), line.plain());
        assert_eq!(line.clone().cut(6).plain(), "日本…");
        let pieces: Vec<String> = line.wrapped(5).iter().map(Line::plain).collect();
        assert_eq!(pieces, ["日本", "語 7 ", "e\u{301}<U+0", "01B>"]);
        let words = line!["the quick brown fox"].wrapped(12);
        assert_eq!(
            words.iter().map(Line::plain).collect::<Vec<_>>(),
            ["the quick ", "brown fox"]
        );
    }

    #[test]
    fn colours_are_closed_on_every_line() {
        let line = line!["a"].paint(Paint::Red, "b");
        let mut out = String::new();
        line.write_to(&mut out, crate::ui::Colours::On);
        assert_eq!(out, "a\x1b[31mb\x1b[0m\n");
    }
}
