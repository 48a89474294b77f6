//! A bell when something arrives, and the number of pending proposals in the terminal's title.

use std::cell::Cell;
use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::time::{Duration, Instant};

use supervise_core::{Digest, SafeLine};

use crate::error::{CliError, Exit};
use crate::inbox;
use crate::session::Session;
use crate::ui::Ui;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What arrives closer together than this is one arrival to the ear.
const QUIET: Duration = Duration::from_secs(5);

/// Does `work`, and meanwhile calls for the operator's attention, also while a question is open.
pub(crate) async fn beside(
    session: &Session<'_>,
    work: impl Future<Output = Result<Exit, CliError>>,
) -> Result<Exit, CliError> {
    let term = session.environment.term.as_deref().unwrap_or("dumb");
    if term == "dumb" {
        return work.await;
    }
    // The console of Linux has a bell, but no title.
    let title = (term != "linux").then(|| Title::take(session.ui));
    tokio::select! {
        done = work => done,
        never = attend(session, title.as_ref()) => match never {},
    }
}

async fn attend(session: &Session<'_>, title: Option<&Title<'_>>) -> Infallible {
    let mut bell = Bell::default();
    loop {
        // What can't be read is the work's to tell: it looks at the same bottles.
        if let Ok(inbox) = inbox::read(session).await {
            if let Some(title) = title {
                title.count(inbox.items.len());
            }
            if bell.rings(inbox.items.iter().map(|item| item.digest), Instant::now()) {
                session.ui.bell();
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The terminal's title while it is ours. Dropping it gives the title back.
struct Title<'a> {
    ui: &'a Ui,
    /// What it says: a terminal that is told again and again wakes whoever watches it.
    said: Cell<Option<usize>>,
}

impl<'a> Title<'a> {
    fn take(ui: &'a Ui) -> Title<'a> {
        ui.title_kept();
        let said = Cell::default();
        Title { ui, said }
    }

    fn count(&self, pending: usize) {
        if self.said.replace(Some(pending)) == Some(pending) {
            return;
        }
        let title = match pending {
            0 => "supervise".to_owned(),
            _ => format!("({pending}) supervise"),
        };
        self.ui.title(&SafeLine::new(&title));
    }
}

impl Drop for Title<'_> {
    fn drop(&mut self) {
        self.ui.title_restored();
    }
}

/// What was seen before, and when something new last was.
#[derive(Debug, Default)]
struct Bell {
    known: Option<HashSet<Digest>>,
    news_at: Option<Instant>,
}

impl Bell {
    /// Whether what is pending is worth a bell: something is new, and nothing was just before.
    fn rings(&mut self, pending: impl Iterator<Item = Digest>, now: Instant) -> bool {
        let pending: HashSet<Digest> = pending.collect();
        let Some(known) = &mut self.known else {
            // What was there already is on the screen, or about to be.
            self.known = Some(pending);
            return false;
        };
        let before = known.len();
        known.extend(pending);
        if known.len() == before {
            return false;
        }
        let last = self.news_at.replace(now);
        last.is_none_or(|last| now.duration_since(last) > QUIET)
    }
}

#[cfg(test)]
mod tests {
    use supervise_core::FieldHasher;

    use super::*;

    #[test]
    fn it_rings_once_for_a_burst() {
        let all: Vec<Digest> = (0..4_u8).map(|n| FieldHasher::new(&[n]).finish()).collect();
        let start = Instant::now();
        let mut bell = Bell::default();
        let mut rings =
            |count: usize, at: u64| bell.rings(all[..count].iter().copied(), start + Duration::from_secs(at));
        assert!(!rings(1, 0), "what was there before");
        assert!(rings(2, 1));
        assert!(!rings(2, 2), "nothing new");
        assert!(!rings(3, 5), "the same burst");
        assert!(!rings(1, 30), "less");
        assert!(rings(4, 31));
    }
}
