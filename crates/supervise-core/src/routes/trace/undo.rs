//! The file as it was, one diff back at a time, as far as later changes by hand let it be told.

use super::unified::Hunk;

/// The lines of a file, from which diffs are taken back, the newest first.
#[derive(Debug)]
pub(super) struct Lines {
    lines: Vec<String>,
    /// Whether every hunk so far stood in the line that it names.
    exact: bool,
}

impl Lines {
    pub(super) fn of(text: &str) -> Lines {
        Lines {
            lines: text.lines().map(str::to_owned).collect(),
            exact: true,
        }
    }

    /// Takes back a hunk; those of one diff from the last to the first. Returns the lines above it, where its
    /// place is known.
    pub(super) fn take_back(&mut self, hunk: &Hunk) -> Option<&[String]> {
        let new = hunk.after();
        let Some(at) = self.place(&new, hunk.at) else {
            self.exact = false;
            return None;
        };
        self.exact &= at == hunk.at;
        let old = hunk.before().into_iter().map(str::to_owned);
        self.lines.splice(at..at + new.len(), old);
        Some(&self.lines[..at])
    }

    /// The one place where these lines stand; where there are several, the one that the hunk names, as long as
    /// nothing was found displaced.
    fn place(&self, wanted: &[&str], named: usize) -> Option<usize> {
        if wanted.is_empty() {
            return (self.exact && named <= self.lines.len()).then_some(named);
        }
        let is_here = |at: &usize| {
            self.lines[*at..]
                .iter()
                .zip(wanted)
                .all(|(line, wanted)| line == wanted)
        };
        let last = self.lines.len().checked_sub(wanted.len())?;
        let mut places = (0..=last).filter(is_here);
        let first = places.next()?;
        match places.next() {
            None => Some(first),
            Some(_) => (self.exact && named <= last && is_here(&named)).then_some(named),
        }
    }
}
