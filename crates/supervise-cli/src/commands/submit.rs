//! `supervise submit`: queues a proposal of another program on this host, and may wait for the answer.

mod wait;

use std::path::{Path, PathBuf};
use std::time::Duration;

use supervise_core::{
    MAX_JUSTIFICATION_CHARS, Proposal, SafeLine, Slug, Tool, agent_tool, daemon_tool, daemon_tools,
};
use supervise_store::{Place, Queue, QueueUrl, StoreError};

use crate::error::{CliError, Exit};
use crate::session::Session;
use crate::source;
use crate::ui::{Line, line};

const EXAMPLES: &str = "\
Examples:
  supervise submit gitleaks-allow --bottle dev --file finding.json --justification 'a test key'
  supervise submit egress-token-allow --file - --justification 'a webhook' --wait --timeout 60

With --wait the exit code is 0 when approved, 8 when rejected and 9 when not decided in time. The
queue is that of --bottle, or lies in --queue-dir or SUPERVISE_QUEUE_DIR; whose queue such a
directory is says SUPERVISE_BOTTLE_SLUG, else its name.";

/// Queue a proposal of a scanner or proxy on this host
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What is asked: gitleaks-allow or egress-token-allow
    tool: String,
    /// The queue to put it in, instead of a bottle under the root [env: SUPERVISE_QUEUE_DIR]
    #[arg(long, value_name = "DIR")]
    queue_dir: Option<PathBuf>,
    /// What is to be approved; - reads it from stdin
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Why, for the operator to judge
    #[arg(long, value_name = "TEXT")]
    justification: String,
    /// Wait for the decision
    #[arg(long)]
    wait: bool,
    /// How long to wait, in seconds; without it for ever
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    timeout: Option<f64>,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let tool = tool(&args.tool)?;
    check_justification(&args.justification)?;
    let patience = args.timeout.map(patience).transpose()?;
    let target = target(args.queue_dir, session)?;
    let slug = target.slug().clone();
    let file = payload(&args.file)?;
    let queue = target.open().await?;
    if let Some(warning) = queue.mount_warning() {
        session.ui.warn(line![&slug, ": ", SafeLine::new(&warning)]);
    }
    let proposal = Proposal::new(&slug, tool, file, args.justification);
    queue.proposal_submit(proposal.clone()).await?;
    if args.wait {
        return wait::report(session, &queue, &proposal, patience).await;
    }
    wait::submitted(session, &proposal)?;
    queue.close().await;
    Ok(Exit::DONE)
}

fn tool(name: &str) -> Result<Tool, CliError> {
    if let Some(tool) = daemon_tool(name) {
        return Ok(tool.tool);
    }
    let hint = line!["programs on the host may ask through ", daemon_names()];
    if agent_tool(name).is_some() {
        let message = line![SafeLine::new(name), " is a tool for agents, who call it over MCP"];
        return Err(CliError::usage(message).hint(hint));
    }
    Err(CliError::usage(line!["there is no tool ", SafeLine::new(name)]).hint(hint))
}

fn daemon_names() -> SafeLine {
    let names: Vec<&str> = daemon_tools().iter().map(|tool| tool.tool.name()).collect();
    SafeLine::new(&names.join(" and "))
}

fn check_justification(text: &str) -> Result<(), CliError> {
    if text.trim().is_empty() {
        return Err(
            CliError::usage("the justification is blank").hint("say why, so that the operator can judge")
        );
    }
    if text.chars().count() > MAX_JUSTIFICATION_CHARS {
        return Err(CliError::usage(line![
            "the justification is over ",
            MAX_JUSTIFICATION_CHARS,
            " characters"
        ]));
    }
    Ok(())
}

fn patience(seconds: f64) -> Result<Duration, CliError> {
    let refused = |_| CliError::usage("--timeout wants a number of seconds that is not negative");
    Duration::try_from_secs_f64(seconds).map_err(refused)
}

fn payload(file: &Path) -> Result<String, CliError> {
    let text = source::read(file)?;
    if text.trim().is_empty() {
        return Err(CliError::usage("the proposed file is blank"));
    }
    Ok(text)
}

/// Where to put it, and whose queue that is.
enum Target {
    /// On the host.
    Bottle(Place),
    /// In a bottle, beside its sidecar.
    Beside(QueueUrl, Slug),
}

impl Target {
    fn slug(&self) -> &Slug {
        match self {
            Target::Bottle(place) => &place.slug,
            Target::Beside(_, slug) => slug,
        }
    }

    async fn open(&self) -> Result<Queue, StoreError> {
        match self {
            Target::Bottle(place) => Queue::create_at(place).await,
            Target::Beside(url, slug) => Queue::connect(url, slug).await,
        }
    }
}

/// The directory a program was told of goes before its environment's.
fn target(queue_dir: Option<PathBuf>, session: &Session<'_>) -> Result<Target, CliError> {
    if let Some(dir) = queue_dir {
        if !session.scope.is_empty() {
            return Err(CliError::usage("--bottle and --queue-dir name two queues"));
        }
        return with_slug(dir, session);
    }
    if let Some(slug) = session.single_bottle()? {
        return Ok(Target::Bottle(session.place(slug)?));
    }
    match session.environment.queue_dir.clone() {
        Some(dir) => with_slug(dir, session),
        None => Err(CliError::usage("no queue is named").hint("give --bottle SLUG or --queue-dir DIR")),
    }
}

/// Inside a container the directory's name says nothing, so the environment may name the bottle.
fn with_slug(dir: PathBuf, session: &Session<'_>) -> Result<Target, CliError> {
    let name = match &session.environment.bottle_slug {
        Some(slug) => slug.clone(),
        None => directory_name(&dir)?,
    };
    let hint: Line = line!["name the bottle with SUPERVISE_BOTTLE_SLUG"];
    let slug = name
        .parse()
        .map_err(|source| CliError::usage("whose queue is it?").because(source).hint(hint))?;
    let url = match &session.environment.queue_url {
        Some(url) => QueueUrl::read(url, &dir)
            .map_err(|source| CliError::usage("SUPERVISE_QUEUE_URL names no queue").because(source))?,
        None => QueueUrl::find(&dir)?,
    };
    Ok(Target::Beside(url, slug))
}

fn directory_name(dir: &Path) -> Result<String, CliError> {
    let whole =
        std::path::absolute(dir).map_err(|source| CliError::usage("no queue directory").because(source))?;
    Ok(whole
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned())
}
