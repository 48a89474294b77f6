//! The one place that prints: data on stdout, talk on stderr.

mod line;
#[cfg(test)]
mod safety;

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde::Serialize;
use supervise_core::{SafeLine, SafeText};

pub(crate) use line::{Line, Paint, Printable, line};

use crate::environment::Environment;
use crate::error::{CliError, Exit, Kind};
use crate::json;

// Plain comments here: clap would show doc comments, and make every verb's help twice as long for them.
// Auto means on a terminal, unless NO_COLOR is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    On,
    Off,
}

/// How far the rest of a line that was too long is moved to the right.
const INDENT: usize = 4;
/// Rows of output that isn't on a terminal are cut at this width.
const PIPE_COLUMNS: usize = 120;

/// Prints. It takes [`Line`]s, JSON and nothing else, so that agent text can't reach the terminal unescaped.
#[derive(Debug)]
pub(crate) struct Ui {
    out: Colours,
    err: Colours,
    /// Set once nobody reads stdout any more; that is the reader's right, not an error.
    out_closed: Cell<bool>,
    out_error: RefCell<Option<io::Error>>,
}

impl Ui {
    pub(crate) fn new(choice: ColorChoice, environment: &Environment) -> Self {
        let wanted = environment.no_color.is_none() && environment.term.as_deref() != Some("dumb");
        let colours = |terminal: bool| match choice {
            ColorChoice::Always => Colours::On,
            ColorChoice::Auto if terminal && wanted => Colours::On,
            ColorChoice::Auto | ColorChoice::Never => Colours::Off,
        };
        Ui {
            out: colours(io::stdout().is_terminal()),
            err: colours(io::stderr().is_terminal()),
            out_closed: Cell::new(false),
            out_error: RefCell::new(None),
        }
    }

    /// Data: goes to stdout.
    pub(crate) fn data(&self, lines: &[Line]) {
        self.write_out(&rendered(lines, self.out, self.wrap_columns(Stream::Data)));
    }

    /// A text as data, with its own newlines and none of ours.
    pub(crate) fn data_text(&self, text: &SafeText) {
        let mut lines: Vec<Line> = Line::of_text(text).collect();
        if text.as_str().ends_with('\n') {
            lines.pop();
        }
        self.write_out(&rendered(&lines, self.out, None));
    }

    /// One JSON value on one line of stdout.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), CliError> {
        let mut text = json::to_text(value)
            .map_err(|source| CliError::failed("the result can't be written as JSON").because(source))?;
        text.push('\n');
        self.write_out(&text);
        Ok(())
    }

    /// Talk: goes to stderr.
    pub(crate) fn say(&self, lines: &[Line]) {
        // With stderr gone there is nobody left to tell.
        let text = rendered(lines, self.err, self.wrap_columns(Stream::Talk));
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// A question: as talk, with the cursor left behind it.
    pub(crate) fn ask(&self, question: &Line) {
        let text = rendered(
            std::slice::from_ref(question),
            self.err,
            self.wrap_columns(Stream::Talk),
        );
        let _ = io::stderr().write_all(text.trim_end_matches('\n').as_bytes());
    }

    /// Rings the terminal's bell.
    pub(crate) fn bell(&self) {
        self.control("\x07");
    }

    /// Sets the terminal's title.
    pub(crate) fn title(&self, title: &SafeLine) {
        self.control(&format!("\x1b]2;{title}\x07"));
    }

    /// Has the terminal remember its title.
    pub(crate) fn title_kept(&self) {
        self.control("\x1b[22;2t");
    }

    /// Gives the terminal its title back; one that can't remember is left without.
    pub(crate) fn title_restored(&self) {
        self.control("\x1b]2;\x07\x1b[23;2t");
    }

    /// For the terminal itself: nothing of it is seen as text, and it goes to no file.
    fn control(&self, sequence: &str) {
        if io::stderr().is_terminal() {
            let _ = io::stderr().write_all(sequence.as_bytes());
        }
    }

    /// Something the operator should know, though the verb goes on.
    pub(crate) fn warn(&self, line: Line) {
        self.say(&[Line::default().paint(Paint::Yellow, "warning: ").join(line)]);
    }

    /// What went wrong and what to do about it.
    pub(crate) fn error(&self, error: &CliError) {
        let mut lines = vec![
            Line::default()
                .paint(Paint::Red, "error: ")
                .join(error.explanation()),
        ];
        if let Some(hint) = error.advice() {
            lines.push(Line::default().paint(Paint::Cyan, "hint: ").join(hint.clone()));
        }
        self.say(&lines);
    }

    /// Columns to fit rows of stdout into.
    pub(crate) fn out_columns(&self) -> usize {
        columns(&console::Term::stdout()).unwrap_or(PIPE_COLUMNS)
    }

    /// Columns at which long lines must be wrapped; `None` where nothing wraps them.
    pub(crate) fn wrap_columns(&self, stream: Stream) -> Option<usize> {
        match stream {
            Stream::Data => columns(&console::Term::stdout()),
            Stream::Talk => columns(&console::Term::stderr()),
        }
    }

    /// Rows of the terminal that talk goes to; `None` where it goes to none.
    pub(crate) fn talk_rows(&self) -> Option<usize> {
        let (rows, _) = console::Term::stderr().size_checked()?;
        Some(usize::from(rows))
    }

    /// Whether the reader of stdout has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.out_closed.get()
    }

    /// The exit for the shell: data that couldn't be written is a failure, unless its reader chose to go.
    pub(crate) fn finish(&self, exit: Exit) -> Exit {
        if let Err(error) = io::stdout().flush() {
            self.note_out_error(error);
        }
        let Some(source) = self.out_error.take() else {
            return exit;
        };
        self.error(&CliError::failed("stdout can't be written").because(source));
        exit.or(Kind::Failed.into())
    }

    fn write_out(&self, text: &str) {
        if self.is_closed() {
            return;
        }
        if let Err(error) = io::stdout().write_all(text.as_bytes()) {
            self.note_out_error(error);
        }
    }

    fn note_out_error(&self, error: io::Error) {
        self.out_closed.set(true);
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.out_error.replace(Some(error));
        }
    }
}

/// Where lines are going, for those who must know how wide it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Data,
    Talk,
}

/// A line that is too long goes on behind an indent: text of others inside it can't pass for a line of ours.
fn rendered(lines: &[Line], colours: Colours, columns: Option<usize>) -> String {
    let mut out = String::new();
    for line in lines {
        match columns.filter(|columns| line.width() > *columns) {
            Some(columns) => line
                .indented(INDENT, columns)
                .iter()
                .for_each(|piece| piece.write_to(&mut out, colours)),
            None => line.write_to(&mut out, colours),
        }
    }
    out
}

fn columns(term: &console::Term) -> Option<usize> {
    let (_, columns) = term.size_checked()?;
    Some(usize::from(columns).max(20))
}
