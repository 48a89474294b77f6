//! Asking the operator: one line at a time, and never a word that was typed before the question was there.

use std::io;

use dialoguer::Input;
use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use tokio::task::spawn_blocking;

use crate::error::{CliError, Kind};
use crate::signals::{interrupted, stop};

/// What to do with the proposal on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Approve,
    Modify,
    Reject,
    Skip,
    Quit,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum YesOrNo {
    Yes,
    No,
}

/// What to do at the end of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Next,
    Skip,
    Quit,
}

const CHOICES: [(&str, Choice); 5] = [
    ("approve", Choice::Approve),
    ("modify", Choice::Modify),
    ("reject", Choice::Reject),
    ("skip", Choice::Skip),
    ("quit", Choice::Quit),
];

const PAGES: [(&str, Page); 3] = [("next", Page::Next), ("skip", Page::Skip), ("quit", Page::Quit)];

const ANSWERS: [(&str, YesOrNo); 2] = [("yes", YesOrNo::Yes), ("no", YesOrNo::No)];

/// Asks what to do. Enter alone skips: nothing is ever approved by default.
pub(crate) async fn choice() -> Result<Choice, CliError> {
    word("approve, modify, reject, skip or quit?", &CHOICES, "skip").await
}

/// Asks whether to go on. Enter alone means no.
pub(crate) async fn yes_or_no(question: &'static str) -> Result<YesOrNo, CliError> {
    word(question, &ANSWERS, "no").await
}

/// Asks whether to read on in a long text. Enter alone reads on.
pub(crate) async fn page(question: String) -> Result<Page, CliError> {
    word(question, &PAGES, "next").await
}

/// Asks for `code`, which stands on the screen. Anything else that is typed means no.
pub(crate) async fn code(code: &str) -> Result<YesOrNo, CliError> {
    let question = format!("it carries a danger; type {code} to approve it all the same");
    let typed = ask(move || Input::new().with_prompt(question).allow_empty(true)).await?;
    Ok(if typed.trim().eq_ignore_ascii_case(code) {
        YesOrNo::Yes
    } else {
        YesOrNo::No
    })
}

/// Asks for the operator's notes; they may be empty.
pub(crate) async fn notes() -> Result<String, CliError> {
    ask(|| {
        Input::new()
            .with_prompt("notes for the agent (may be empty)")
            .allow_empty(true)
    })
    .await
}

/// Asks until the answer is one of `words`, or the start of one.
async fn word<T: Copy>(
    question: impl Into<String>,
    words: &'static [(&'static str, T)],
    default: &'static str,
) -> Result<T, CliError> {
    let question = question.into();
    loop {
        let question = question.clone();
        let prompt = move || Input::new().with_prompt(question).default(default.to_owned());
        if let Some(value) = find(&ask(prompt).await?, words) {
            return Ok(value);
        }
    }
}

fn find<T: Copy>(answer: &str, words: &[(&str, T)]) -> Option<T> {
    let answer = answer.trim().to_ascii_lowercase();
    let found = words
        .iter()
        .find(|(word, _)| !answer.is_empty() && word.starts_with(&answer));
    found.map(|(_, value)| *value)
}

/// Runs one prompt on a thread of its own, so that Ctrl-C and what else this program does go on meanwhile.
async fn ask(prompt: impl FnOnce() -> Input<'static, String> + Send + 'static) -> Result<String, CliError> {
    let _restored = Terminal::taken();
    drain();
    let asked = spawn_blocking(move || prompt().interact());
    tokio::select! {
        // What was typed counts before the signal that followed it.
        biased;
        answer = asked => match answer {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(dialoguer::Error::IO(error))) => Err(unanswered(error)),
            Err(error) => Err(CliError::failed("the prompt stopped").because(error)),
        },
        stopped = stop() => Err(stopped),
    }
}

fn unanswered(error: io::Error) -> CliError {
    match error.kind() {
        io::ErrorKind::Interrupted => interrupted(),
        _ => CliError::new(Kind::NeedsTerminal, "the terminal gave no answer").because(error),
    }
}

/// Forgets what was typed before the question stood on the screen: it can't have been meant as its answer.
fn drain() {
    // On a terminal that can't do it the prompt still has its safe default.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
}

/// The terminal's modes as they were; a prompt that is cut off in the middle leaves others behind.
struct Terminal(Option<Termios>);

impl Terminal {
    fn taken() -> Self {
        Terminal(tcgetattr(io::stdin()).ok())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(modes) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, modes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_words_or_their_start() {
        assert_eq!(find("a", &CHOICES), Some(Choice::Approve));
        assert_eq!(find(" Reject ", &CHOICES), Some(Choice::Reject));
        for other in ["", " ", "x", "approved", "\u{4}"] {
            assert_eq!(find(other, &CHOICES), None, "{other:?}");
        }
        assert_eq!(find("y", &ANSWERS), Some(YesOrNo::Yes));
    }
}
