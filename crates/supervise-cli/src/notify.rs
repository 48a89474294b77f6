//! `[notify] command`: run once for each proposal that arrives, and for a crowd of them once a bottle.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use supervise_core::{Proposal, Root, Route, SafeLine, Slug, mask_secrets};

use crate::config::Places;
use crate::error::{CliError, Exit};
use crate::hook::{Call, Hook};
use crate::inbox::Item;
use crate::look::{Change, Look};
use crate::session::Session;
use crate::ui::{Line, line};

/// Proposals that wait to be told each by itself; past that, one call tells all of a bottle.
const MAX_SINGLE: usize = 10;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The configured command, and what it has yet to tell.
#[derive(Debug)]
pub(crate) struct Notify {
    hook: Hook,
    root: Root,
    command: Vec<String>,
    /// What came while too many waited: what the first of a bottle asks for, and how many more came.
    crowds: BTreeMap<Slug, (String, usize)>,
}

impl Notify {
    /// The command of the configuration; `None` where there is none.
    pub(crate) fn configured(session: &Session<'_>) -> Result<Option<Notify>, CliError> {
        let Some(configured) = &session.config()?.notify else {
            return Ok(None);
        };
        let command = configured.command.clone();
        let name = format!("[notify] {}", command.first().map_or("", String::as_str));
        Ok(Some(Notify {
            hook: Hook::start(name, MAX_SINGLE),
            root: session.root.clone(),
            command,
            crowds: BTreeMap::new(),
        }))
    }

    /// Tells of a proposal, now or as one of a crowd.
    pub(crate) fn arrived(&mut self, item: &Item) {
        let subject = subject(&item.proposal);
        if let Some((_, more)) = self.crowds.get_mut(&item.slug) {
            *more += 1;
        } else if !self.offer(&item.slug, &subject, 0) {
            self.crowds.insert(item.slug.clone(), (subject, 0));
        }
    }

    /// Goes on with what waits. Returns what went wrong since, each kind of thing once.
    pub(crate) fn go_on(&mut self) -> Vec<Line> {
        for (slug, (subject, more)) in std::mem::take(&mut self.crowds) {
            if !self.offer(&slug, &subject, more) {
                self.crowds.insert(slug, (subject, more));
            }
        }
        self.hook.troubles()
    }

    fn offer(&mut self, slug: &Slug, subject: &str, more: usize) -> bool {
        let summary = match more {
            0 => format!("{slug}: {subject}"),
            _ => format!("{slug}: {subject} and {more} more"),
        };
        let places = Places {
            root: &self.root,
            slug,
        };
        let mut arguments = places.notification(&self.command, &summary);
        if arguments.is_empty() {
            return true;
        }
        let program = PathBuf::from(arguments.remove(0));
        self.hook.offer(Call {
            program,
            arguments,
            dir: Some(self.root.path().to_owned()),
            stdin: String::new(),
        })
    }
}

/// The tool, and the host where it asks for one: fit to be shown anywhere. No other word of the agent is in it.
pub(crate) fn subject(proposal: &Proposal) -> String {
    match host(proposal) {
        Some(host) => format!("{} for {}", proposal.tool, SafeLine::new(&mask_secrets(&host))),
        None => proposal.tool.to_string(),
    }
}

/// The host that is asked for.
pub(crate) fn host(proposal: &Proposal) -> Option<String> {
    let route = Route::from_payload(&proposal.proposed_file).ok();
    route
        .filter(|_| proposal.tool.asks_route())
        .map(|route| route.host().to_owned())
}

/// Does `work`, and meanwhile has the configured command run for what arrives, also while a question is open.
pub(crate) async fn beside(
    session: &Session<'_>,
    work: impl Future<Output = Result<Exit, CliError>>,
) -> Result<Exit, CliError> {
    let Some(notify) = Notify::configured(session)? else {
        return work.await;
    };
    let look = Look::first(session).await?;
    tokio::select! {
        done = work => done,
        never = tell(session, look, notify) => match never {},
    }
}

async fn tell(session: &Session<'_>, mut look: Look, mut notify: Notify) -> Infallible {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // What can't be read is the work's to tell: it looks at the same bottles.
        for change in look.again(session).await.unwrap_or_default() {
            if let Change::Arrived(item) = &change {
                notify.arrived(item);
            }
        }
        look.troubles();
        for trouble in notify.go_on() {
            // A question may stand at the end of the screen.
            session.ui.say(&[line![]]);
            session.ui.warn(trouble);
        }
    }
}
