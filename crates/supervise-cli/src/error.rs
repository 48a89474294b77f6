//! Errors of the program: a kind that picks the exit code, what went wrong, and what to do about it.

use std::error::Error;
use std::process::ExitCode;

use supervise_core::SafeLine;
use supervise_store::StoreError;

use crate::ui::{Line, Printable};

/// What went wrong, as a script can tell it from the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Failed,
    Usage,
    Missing,
    Decided,
    Changed,
    /// The proposal is what it was, but not the file that it would change.
    Moved,
    NeedsTerminal,
    /// The effect failed and was rolled back; the proposal is still pending.
    EffectFailed,
    Rejected,
    Undecided,
    /// Stopped by a signal; shells expect 128 and the number of Ctrl-C's.
    Interrupted,
}

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(u8);

impl Exit {
    pub(crate) const DONE: Exit = Exit(0);

    /// The first of two that is no success.
    pub(crate) fn or(self, later: Exit) -> Exit {
        if self == Exit::DONE { later } else { self }
    }

    pub(crate) fn code(self) -> u8 {
        self.0
    }
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        Exit(match kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Missing => 3,
            Kind::Decided => 4,
            Kind::Changed | Kind::Moved => 5,
            Kind::NeedsTerminal => 6,
            Kind::EffectFailed => 7,
            Kind::Rejected => 8,
            Kind::Undecided => 9,
            Kind::Interrupted => 130,
        })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.0)
    }
}

/// Why a verb could not do its work.
#[derive(Debug)]
pub(crate) struct CliError {
    kind: Kind,
    message: Line,
    source: Option<Box<dyn Error + Send + Sync>>,
    hint: Option<Line>,
}

impl CliError {
    pub(crate) fn new(kind: Kind, message: impl Into<Line>) -> Self {
        CliError {
            kind,
            message: message.into(),
            source: None,
            hint: None,
        }
    }

    pub(crate) fn failed(message: impl Into<Line>) -> Self {
        CliError::new(Kind::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<Line>) -> Self {
        CliError::new(Kind::Usage, message)
    }

    /// Keeps what caused it; its text follows the message.
    #[must_use]
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<Line>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do about a store that failed, where there is something.
    #[must_use]
    pub(crate) fn remedied(self, source: &StoreError) -> Self {
        match remedy(source) {
            Some(remedy) => self.hint(remedy),
            None => self,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn advice(&self) -> Option<&Line> {
        self.hint.as_ref()
    }

    /// The message and every cause behind it. A cause's text may hold anything, so it is escaped.
    pub(crate) fn explanation(&self) -> Line {
        let mut line = self.message.clone();
        let mut cause = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = cause {
            line = line.and(": ").and(SafeLine::new(&error.to_string()));
            cause = error
                .source()
                .filter(|inner| !error.to_string().contains(&inner.to_string()));
        }
        line
    }
}

impl<T: Printable> From<T> for Line {
    fn from(part: T) -> Self {
        Line::default().and(part)
    }
}

impl From<StoreError> for CliError {
    fn from(source: StoreError) -> Self {
        let kind = match source {
            StoreError::Missing { .. } => Kind::Missing,
            _ => Kind::Failed,
        };
        CliError::new(kind, SafeLine::new(&source.to_string())).remedied(&source)
    }
}

/// What to do about a disk or a file that fails; nothing that was acknowledged is lost by it.
fn remedy(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Full => Some("make room on the disk, then run it again"),
        StoreError::ReadOnly => {
            Some("see whether the disk is mounted read-only, and whose the files are: `supervise doctor`")
        }
        StoreError::Disk(_) => Some("the kernel's log says more of the disk: `dmesg`; then run it again"),
        StoreError::Unopened(_) => {
            Some("see its directory's permissions and how many files may be open: `ulimit -n`")
        }
        StoreError::Corrupt(_) => {
            Some("`supervise doctor` says how to put it aside; restore it from a backup")
        }
        _ => None,
    }
}
