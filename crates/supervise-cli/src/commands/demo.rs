//! `supervise demo`: the main job from end to end, with nothing set up and nothing left behind.

mod agent;
mod sidecar;

use std::time::Duration;

use supervise_core::{Plan, Root, SafeLine, SafeText, Slug};
use supervise_store::{AuditFilter, Host, Verdict};
use tokio::time::timeout;

use self::agent::Agent;
use self::sidecar::Sidecar;
use super::review;
use crate::apply::LiveFile;
use crate::decide::Decision;
use crate::desk::Desk;
use crate::error::{CliError, Exit};
use crate::inbox::{self, Item};
use crate::render::{audit, card};
use crate::report;
use crate::risks::Background;
use crate::session::{Operator, Session};
use crate::signals::stop;
use crate::ui::{Line, Paint, Stream, line};

const EXAMPLES: &str = "\
Examples:
  supervise demo              you decide
  supervise demo --no-input   it decides by itself

It uses a temporary directory and a free port on this machine, and removes everything at the end.";

const SLUG: &str = "demo";
const LOOK_EVERY: Duration = Duration::from_millis(20);
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// Show the whole thing at work: an agent asks, you decide, the agent is told
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let program = sidecar::find(&session.environment)?;
    let dir = tempfile::Builder::new()
        .prefix("supervise-demo-")
        .tempdir()
        .map_err(|source| CliError::failed("a temporary directory").because(source))?;
    let session = session.elsewhere(Root::new(dir.path().join("root")));
    tokio::select! {
        // Whichever way it ends, the sidecar is stopped and the directory removed as the values are dropped.
        told = play(&session, &program) => told.map(|()| Exit::DONE),
        stopped = stop() => Err(stopped),
    }
}

async fn play(session: &Session<'_>, program: &std::path::Path) -> Result<(), CliError> {
    let slug: Slug = SLUG
        .parse()
        .map_err(|source| CliError::failed("a name").because(source))?;
    let plan = supervise_store::prepare(&session.root, &slug)?;
    let mut sidecar = start(session, program, &plan).await?;

    let agent = Agent::new(sidecar.address());
    let tools = agent.connect().await?;
    step(session, 2, "An agent connects over MCP and finds its tools.");
    quote(session, [line![SafeLine::new(&tools.join(", "))]].into_iter());

    step(
        session,
        3,
        "It is refused a host, so it calls egress-allow. The call is held.",
    );
    let call = tokio::spawn(async move { agent.ask_for_egress().await });
    let item = arrival(session).await?;

    step(session, 4, "You see what it asks, and decide.");
    decide(session, &item).await?;
    if !inbox::read(session).await?.items.is_empty() {
        // Left undecided; a sidecar that stops answers so.
        sidecar.stop();
    }
    let late = |_| CliError::failed("the decision did not reach the agent");
    let told = timeout(TOLD_WITHIN, call).await.map_err(late)?;
    let told = told.map_err(|source| CliError::failed("the agent stopped").because(source))??;
    step(session, 5, "The agent's call returns. It was told:");
    quote(session, Line::of_text(&SafeText::new(told.trim_end())));

    step(session, 6, "The audit log has it:");
    show_audit(session).await?;
    session.ui.data(&[
        line![],
        line!["That is all. To put a sidecar beside your own agent, start with"],
        line!["`supervise prepare NAME`."],
    ]);
    Ok(())
}

async fn start(session: &Session<'_>, program: &std::path::Path, plan: &Plan) -> Result<Sidecar, CliError> {
    step(
        session,
        1,
        "A sidecar starts beside an agent. It can queue questions, never answer them.",
    );
    let sidecar = Sidecar::start(program, plan).await?;
    quote(
        session,
        [line![
            "listening on ",
            SafeLine::new(&sidecar.address().to_string())
        ]]
        .into_iter(),
    );
    Ok(sidecar)
}

fn step(session: &Session<'_>, number: u8, text: &'static str) {
    session.ui.data(&[
        line![],
        line![]
            .paint(Paint::Bold, number)
            .and(". ")
            .paint(Paint::Bold, text),
    ]);
}

fn quote(session: &Session<'_>, lines: impl Iterator<Item = Line>) {
    session
        .ui
        .data(&card::behind_gutter(lines, session.ui.wrap_columns(Stream::Data)));
}

/// Waits until the agent's question is in the queue.
async fn arrival(session: &Session<'_>) -> Result<Item, CliError> {
    let arrives = async {
        loop {
            if let Some(item) = inbox::read(session).await?.items.pop() {
                return Ok(item);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let late = |_| {
        Err(CliError::failed(
            "the agent's question did not arrive in the queue",
        ))
    };
    timeout(ARRIVES_WITHIN, arrives).await.unwrap_or_else(late)
}

/// The same path as `review`; with nobody at the terminal the demonstration approves by itself.
async fn decide(session: &Session<'_>, item: &Item) -> Result<(), CliError> {
    if session.operator == Operator::AtTerminal {
        return review::take(session, item, None).await.map(|_| ());
    }
    let risks = Background::default().risks(&item.proposal);
    let preview = LiveFile::NotConfigured.preview(&item.proposal);
    session.ui.data(&card::lines(
        item,
        &risks,
        &preview,
        session.ui.wrap_columns(Stream::Data),
    ));
    session.ui.data(&[line![
        "Nobody is at the terminal, so the demonstration approves it by itself."
    ]]);
    let decision = Decision {
        verdict: Verdict::Approve,
        notes: "welcome".to_owned(),
        via: "supervise demo",
        sticky: None,
        shown: None,
    };
    let decided = Desk::new(session).decide(item, decision).await?;
    report::decided(session, &decided)
}

async fn show_audit(session: &Session<'_>) -> Result<(), CliError> {
    let host = Host::create(&session.root).await?;
    let entries = host.audit_page(&AuditFilter::default()).await?;
    let mut rows = audit::rows(&entries, session.ui.out_columns());
    if rows.is_empty() {
        rows.push(line!["no entry, for nothing was decided"]);
    }
    session.ui.data(&rows);
    Ok(())
}
