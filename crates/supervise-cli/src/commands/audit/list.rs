//! `supervise audit list`: entries as a table or as JSON.

use supervise_store::{AuditFilter, AuditOrder, AuditRow, Host};

use super::choice::Choice;
use super::follow;
use super::pages::Pages;
use crate::error::{CliError, Exit};
use crate::pager;
use crate::render::audit::rows;
use crate::render::objects::AuditObject;
use crate::session::{Format, Operator, Session};
use crate::ui::{Line, Paint, Stream, line};

const EXAMPLES: &str = "\
Examples:
  supervise audit list
  supervise audit list --bottle dev --component egress --since 7d
  supervise audit list --action rejected --operator ada --text s3.amazonaws.com
  supervise audit list --before 120 --limit 20
  supervise audit list --after 120 --json
  supervise audit list --follow

Entries stand in the order of their ids, the latest last. Without --limit the last 100 are listed,
and with --json all of them: one array, or with --follow a line for each entry.";

const ON_A_SCREEN: u32 = 100;

/// List audit entries, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Only entries after this one, and the first of them where there are more than the limit
    #[arg(long, value_name = "ID", alias = "since-id")]
    after: Option<i64>,
    /// Only entries before this one
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most this many entries; 0 means all
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Print new entries as they come, until Ctrl-C; earlier ones only with --limit or --after
    #[arg(long, conflicts_with_all = ["before", "until"])]
    follow: bool,
}

pub(crate) async fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    if args.follow {
        let only_new = args.limit.is_none() && args.after.is_none();
        let start = if only_new {
            follow::Start::Now
        } else {
            follow::Start::Listed
        };
        return follow::run(filter(args, Format::Json), start, session).await;
    }
    let filter = filter(args, session.format);
    let listed = match Host::open_read_only(&session.root).await? {
        Some(host) => read(&host, session, filter).await?,
        None => Listed::default(),
    };
    match session.format {
        Format::Json => {
            let objects: Vec<_> = listed.entries.iter().map(AuditObject::new).collect();
            session.ui.json(&objects)?;
        }
        Format::Human => show(session, &listed).await?,
    }
    Ok(Exit::DONE)
}

fn filter(args: Args, format: Format) -> AuditFilter {
    let limit = args.limit.unwrap_or(match format {
        Format::Human => ON_A_SCREEN,
        Format::Json => 0,
    });
    let order = match args.after {
        None if limit > 0 => AuditOrder::NewestFirst,
        _ => AuditOrder::OldestFirst,
    };
    AuditFilter {
        after_id: args.after.unwrap_or(0),
        before_id: args.before,
        order,
        limit,
        ..args.choice.filter()
    }
}

/// Entries in the order of their ids, and what the limit left out.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) entries: Vec<AuditRow>,
    more: Option<Line>,
}

pub(super) async fn read(
    host: &Host,
    session: &Session<'_>,
    mut filter: AuditFilter,
) -> Result<Listed, CliError> {
    let (limit, order) = (filter.limit as usize, filter.order);
    if limit > 0 {
        // One more tells whether there are more.
        filter.limit = filter.limit.saturating_add(1);
    }
    let mut entries = Pages::new(host, session, filter).all().await?;
    let is_more = limit > 0 && entries.len() > limit;
    if is_more {
        entries.truncate(limit);
    }
    let edge = entries.last().filter(|_| is_more).map(|row| row.id);
    let more = edge.map(|id| match order {
        AuditOrder::OldestFirst => line!["there are later ones: --after ", id],
        AuditOrder::NewestFirst => line!["there are earlier ones: --before ", id],
    });
    if order == AuditOrder::NewestFirst {
        entries.reverse();
    }
    Ok(Listed { entries, more })
}

async fn show(session: &Session<'_>, listed: &Listed) -> Result<(), CliError> {
    let ui = session.ui;
    let lines = rows(&listed.entries, ui.out_columns());
    let at_terminal = session.operator == Operator::AtTerminal && ui.wrap_columns(Stream::Data).is_some();
    if at_terminal {
        pager::say(session, |columns| {
            rows(&listed.entries, columns.unwrap_or(ui.out_columns()))
        })
        .await?;
    } else {
        ui.data(&lines);
    }
    if listed.entries.is_empty() {
        ui.say(&[line!["no entries"]]);
    }
    if let Some(more) = &listed.more {
        ui.say(&[more.clone().painted(Paint::Dim)]);
    }
    Ok(())
}
