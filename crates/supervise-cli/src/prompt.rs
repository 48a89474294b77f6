//! Asking the operator: a key where one will do, a line where words are wanted, and never what was typed before
//! the question was there.

mod keyboard;

use std::time::Duration;

use self::keyboard::{Key, Keyboard};
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Line, Paint, line};
use crate::visible::is_plain;

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

/// What came of a question about something on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply<T> {
    Given(T),
    /// The screen isn't what it was: what is asked about has to be shown again.
    Redraw,
}

/// A question with a few answers. Each has a word; its first letter is its key.
struct Question<T: 'static> {
    answers: &'static [Answer<T>],
    /// What Enter alone means.
    default: T,
    /// How long nothing may have been typed before it is asked.
    settle: Duration,
}

struct Answer<T> {
    word: &'static str,
    means: &'static str,
    value: T,
}

/// Longer than between two strokes of one habit, or two of a key that is held down.
const SETTLE: Duration = Duration::from_millis(300);

const CHOICE: Question<Choice> = Question {
    answers: &[
        Answer {
            word: "approve",
            means: "exactly what is on the screen",
            value: Choice::Approve,
        },
        Answer {
            word: "modify",
            means: "edit it first; you confirm the difference",
            value: Choice::Modify,
        },
        Answer {
            word: "reject",
            means: "with a word to the agent",
            value: Choice::Reject,
        },
        Answer {
            word: "skip",
            means: "leave it pending, show the next (Enter)",
            value: Choice::Skip,
        },
        Answer {
            word: "quit",
            means: "leave the rest pending (Ctrl-C)",
            value: Choice::Quit,
        },
    ],
    default: Choice::Skip,
    settle: SETTLE,
};

const PAGE: Question<Page> = Question {
    answers: &[
        Answer {
            word: "next",
            means: "read on (Enter)",
            value: Page::Next,
        },
        Answer {
            word: "skip",
            means: "leave it pending, show the next",
            value: Page::Skip,
        },
        Answer {
            word: "quit",
            means: "leave the rest pending (Ctrl-C)",
            value: Page::Quit,
        },
    ],
    default: Page::Next,
    settle: Duration::ZERO,
};

const YES_OR_NO: Question<YesOrNo> = Question {
    answers: &[
        Answer {
            word: "yes",
            means: "do it",
            value: YesOrNo::Yes,
        },
        Answer {
            word: "no",
            means: "leave it (Enter)",
            value: YesOrNo::No,
        },
    ],
    default: YesOrNo::No,
    settle: SETTLE,
};

/// Asks what to do. Enter alone skips: nothing is ever approved by default.
pub(crate) async fn choice(session: &Session<'_>) -> Result<Reply<Choice>, CliError> {
    let question = line!["approve, modify, reject, skip or quit? [a/m/r/S/q/?] "];
    CHOICE.ask(session, &question).await
}

/// Asks whether to go on. Enter alone means no.
pub(crate) async fn yes_or_no(session: &Session<'_>, question: &'static str) -> Result<YesOrNo, CliError> {
    let question = line![question, " [y/N] "];
    loop {
        if let Reply::Given(answer) = YES_OR_NO.ask(session, &question).await? {
            return Ok(answer);
        }
    }
}

/// Asks whether to read on in a long text. Enter alone reads on.
pub(crate) async fn page(session: &Session<'_>, place: Line) -> Result<Reply<Page>, CliError> {
    PAGE.ask(session, &place.and("; next, skip, quit? [N/s/q/?] "))
        .await
}

/// Asks for `code`, which stands on the screen. Anything else that is typed means no.
pub(crate) async fn code(session: &Session<'_>, code: &str) -> Result<YesOrNo, CliError> {
    let code_shown = supervise_core::SafeLine::new(code);
    let question = line![
        "it carries a danger; type ",
        code_shown,
        " to approve it all the same: "
    ];
    let typed = typed(session, &question).await?;
    Ok(if typed.trim().eq_ignore_ascii_case(code) {
        YesOrNo::Yes
    } else {
        YesOrNo::No
    })
}

/// Asks for the operator's notes; they may be empty.
pub(crate) async fn notes(session: &Session<'_>) -> Result<String, CliError> {
    loop {
        let notes = typed(session, &line!["notes for the agent (may be empty): "]).await?;
        if is_plain(&notes) {
            return Ok(notes);
        }
        // An arrow key, most likely: the agent would be told its code.
        session
            .ui
            .say(&[line!["that holds characters nobody can see; type it again"]]);
    }
}

impl<T: Copy + PartialEq> Question<T> {
    async fn ask(&self, session: &Session<'_>, question: &Line) -> Result<Reply<T>, CliError> {
        match Keyboard::take().filter(|_| has_keys(session)) {
            Some(keyboard) => self.ask_key(session, question, keyboard).await,
            None => self.ask_line(session, question).await,
        }
    }

    async fn ask_key(
        &self,
        session: &Session<'_>,
        question: &Line,
        mut keyboard: Keyboard,
    ) -> Result<Reply<T>, CliError> {
        keyboard.settle(self.settle).await?;
        session.ui.ask(question);
        loop {
            let answer = match keyboard.key().await? {
                Key::Redraw => {
                    session.ui.say(&[line![]]);
                    return Ok(Reply::Redraw);
                }
                Key::Enter => self.default_answer(),
                Key::Char(key) => self.by_key(key),
                Key::Other => None,
            };
            if let Some(answer) = answer {
                session.ui.say(&[line![answer.word]]);
                return Ok(Reply::Given(answer.value));
            }
            session.ui.say(&[line![]]);
            session.ui.say(&self.help());
            session.ui.ask(question);
        }
    }

    /// For a terminal that gives whole lines only.
    async fn ask_line(&self, session: &Session<'_>, question: &Line) -> Result<Reply<T>, CliError> {
        loop {
            let typed = typed(session, question).await?;
            let typed = typed.trim();
            let answer = if typed.is_empty() {
                self.default_answer()
            } else {
                self.by_word(typed)
            };
            if let Some(answer) = answer {
                return Ok(Reply::Given(answer.value));
            }
            session.ui.say(&self.help());
        }
    }

    fn default_answer(&self) -> Option<&Answer<T>> {
        self.answers.iter().find(|answer| answer.value == self.default)
    }

    fn by_key(&self, key: char) -> Option<&Answer<T>> {
        self.by_word(key.encode_utf8(&mut [0; 4]))
    }

    /// The answer whose word begins with `typed`.
    fn by_word(&self, typed: &str) -> Option<&Answer<T>> {
        let typed = typed.to_ascii_lowercase();
        self.answers.iter().find(|answer| answer.word.starts_with(&typed))
    }

    fn help(&self) -> Vec<Line> {
        let row = |answer: &Answer<T>| {
            let word = Line::default().paint(Paint::Bold, answer.word);
            line!["  "].join(word).pad_to(11).and(answer.means)
        };
        self.answers.iter().map(row).collect()
    }
}

/// A terminal that says it can do nothing is not asked to.
fn has_keys(session: &Session<'_>) -> bool {
    let term = session.environment.term.as_deref();
    term.is_some_and(|term| term != "dumb")
}

async fn typed(session: &Session<'_>, question: &Line) -> Result<String, CliError> {
    keyboard::line(|| session.ui.ask(question)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_words_or_their_start() {
        let value = |typed| CHOICE.by_word(typed).map(|answer| answer.value);
        assert_eq!(value("a"), Some(Choice::Approve));
        assert_eq!(value("Reject"), Some(Choice::Reject));
        for other in ["x", "approved", "\u{4}", "?"] {
            assert_eq!(value(other), None, "{other:?}");
        }
        assert_eq!(CHOICE.by_key('Q').map(|answer| answer.value), Some(Choice::Quit));
    }

    #[test]
    fn nothing_is_approved_by_default() {
        assert_eq!(CHOICE.default_answer().map(|answer| answer.word), Some("skip"));
        assert_eq!(YES_OR_NO.default_answer().map(|answer| answer.word), Some("no"));
    }
}
