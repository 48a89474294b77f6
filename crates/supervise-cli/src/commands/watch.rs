//! `supervise watch`: tells what happens in every bottle, as it happens.

pub(crate) mod event;
mod exec;

use std::path::PathBuf;
use std::time::Duration;

use self::event::Event;
use self::exec::Exec;
use crate::error::{CliError, Exit};
use crate::json;
use crate::look::{Change, Look};
use crate::notify::Notify;
use crate::session::{Format, Session};
use crate::shown;
use crate::signals::stop;
use crate::ui::{Line, Paint, line};

const EXAMPLES: &str = "\
Examples:
  supervise watch
  supervise watch --bottle dev --json | jq -r .summary
  supervise watch --exec ~/bin/notify-me      the event as JSON on its stdin

Events: arrived, joined, decided, withdrawn, timed-out, bottle-appeared, bottle-gone. What is pending
already is no event; `supervise list` has it. A proposal that has timed out can still be decided: its
last caller was told to check again. The program is a path and gets no arguments; it has ten
seconds for each event, and what it prints is thrown away. The command of [notify] in
supervise.toml runs once for each arrival. A program that fails or hangs is said once and
disturbs nothing else. Ctrl-C ends.";

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Print events as they happen
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Run this program for each event
    #[arg(long, value_name = "PROGRAM")]
    exec: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    tokio::select! {
        ended = watch(args, session) => ended,
        stopped = stop() => Err(stopped),
    }
}

async fn watch(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let mut told = Told {
        exec: args.exec.map(Exec::start).transpose()?,
        notify: Notify::configured(session)?,
    };
    let mut look = Look::first(session).await?;
    say(session, look.troubles());
    session.ui.say(&[look.summary().painted(Paint::Dim)]);
    while !session.ui.is_closed() {
        tokio::time::sleep(LOOK_EVERY).await;
        for change in look.again(session).await? {
            tell(session, &change, &mut told).await?;
        }
        say(session, look.troubles());
        say(session, told.go_on());
    }
    Ok(Exit::DONE)
}

fn say(session: &Session<'_>, troubles: Vec<Line>) {
    troubles.into_iter().for_each(|trouble| session.ui.warn(trouble));
}

async fn tell(session: &Session<'_>, change: &Change, told: &mut Told) -> Result<(), CliError> {
    let event = Event::new(change);
    match session.format {
        Format::Json => session.ui.json(&event)?,
        Format::Human => session
            .ui
            .data(&[event::human(&event, change).cut(session.ui.out_columns())]),
    }
    if let Change::Arrived(item) = change {
        shown::remember(session, std::slice::from_ref(item)).await;
    }
    let text = json::to_text(&event)
        .map_err(|source| CliError::failed(line!["an event can't be written"]).because(source))?;
    told.tell(change, text);
    Ok(())
}

/// The programs that are told.
struct Told {
    exec: Option<Exec>,
    notify: Option<Notify>,
}

impl Told {
    fn tell(&mut self, change: &Change, event: String) {
        if let Some(exec) = &mut self.exec {
            exec.send(event);
        }
        if let (Some(notify), Change::Arrived(item)) = (&mut self.notify, change) {
            notify.arrived(item);
        }
    }

    /// Goes on with what waits. Returns what went wrong since.
    fn go_on(&mut self) -> Vec<Line> {
        let exec = self.exec.as_mut().map(Exec::troubles);
        let notify = self.notify.as_mut().map(Notify::go_on);
        [exec, notify].into_iter().flatten().flatten().collect()
    }
}
