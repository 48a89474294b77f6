//! Lines that are safe to print: made of fixed text, numbers and escaped text, and of nothing else.

use supervise_core::{Component, Digest, SafeLine, SafeText, Slug, Status, Tool};

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
        let mut pieces = self.wrapped(columns.saturating_sub(1).max(1)).into_iter();
        pieces.next().unwrap_or_default().and("…")
    }

    /// The line as pieces of at most `columns`, so that the terminal never wraps it by itself.
    pub(crate) fn wrapped(self, columns: usize) -> Vec<Line> {
        if self.width() <= columns {
            return vec![self];
        }
        let mut pieces = vec![Line::default()];
        let mut used = 0;
        for (paint, text) in self.spans {
            for c in text.chars() {
                let wide = char_width(c);
                if used + wide > columns && used > 0 {
                    pieces.push(Line::default());
                    used = 0;
                }
                used += wide;
                push(&mut pieces, paint, c);
            }
        }
        pieces
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

fn push(pieces: &mut [Line], paint: Paint, c: char) {
    let Some(piece) = pieces.last_mut() else { return };
    match piece.spans.last_mut() {
        Some((last, text)) if *last == paint => text.push(c),
        _ => piece.spans.push((paint, c.to_string())),
    }
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
    }

    #[test]
    fn colours_are_closed_on_every_line() {
        let line = line!["a"].paint(Paint::Red, "b");
        let mut out = String::new();
        line.write_to(&mut out, crate::ui::Colours::On);
        assert_eq!(out, "a\x1b[31mb\x1b[0m\n");
    }
}
