//! `supervise fleet`: the database that the bottles of many machines share.

mod add_bottle;
mod audit;
mod init;
mod list;
mod prune;
mod remove_bottle;
mod verify;

use clap::Subcommand;
use supervise_core::{SafeText, Slug};
use supervise_store::{FleetAdmin, FleetUrl, StoreError};

use crate::error::{CliError, Exit};
use crate::queues::Queues;
use crate::session::Session;
use crate::ui::line;

/// Set up a PostgreSQL database for the bottles of many machines
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(init::Args),
    AddBottle(add_bottle::Args),
    RemoveBottle(remove_bottle::Args),
    List(list::Args),
    Audit(audit::Args),
    Verify(verify::Args),
    Prune(prune::Args),
}

pub(crate) async fn run(verb: Verb, session: &Session<'_>) -> Result<Exit, CliError> {
    match verb {
        Verb::Init(args) => init::run(args, session).await,
        Verb::AddBottle(args) => add_bottle::run(args, session).await,
        Verb::RemoveBottle(args) => remove_bottle::run(args, session).await,
        Verb::List(args) => list::run(args, session).await,
        Verb::Audit(args) => audit::run(args, session).await,
        Verb::Verify(args) => verify::run(args, session).await,
        Verb::Prune(args) => prune::run(args, session).await,
    }
}

/// A bottle's name in a table.
const NAME_COLUMNS: usize = 24;

/// Where the database is.
#[derive(clap::Args)]
struct Place {
    /// The database's address, for whoever may do this in it [env: SUPERVISE_FLEET_URL]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

impl Place {
    /// As given, as in the environment, or as in `queues.toml`.
    fn url(self, session: &Session<'_>) -> Result<FleetUrl, CliError> {
        let set = self.url.or_else(|| session.environment.fleet_url.clone());
        let url = match set {
            Some(url) => url,
            None => Queues::load(&session.root)?
                .fleet
                .map(|fleet| fleet.url)
                .ok_or_else(|| {
                    CliError::usage("no address of a fleet is given")
                        .hint("name it with --url, SUPERVISE_FLEET_URL or the [fleet] of queues.toml")
                })?,
        };
        url.parse().map_err(|error| {
            CliError::usage("the fleet's address is refused")
                .because(Box::<dyn std::error::Error + Send + Sync>::from(error))
        })
    }

    async fn admin(self, session: &Session<'_>) -> Result<FleetAdmin, CliError> {
        FleetAdmin::connect(&self.url(session)?).await.map_err(failed)
    }
}

/// The bottles in scope: as they are named, or all, those that were removed as well.
async fn bottles(url: &FleetUrl, session: &Session<'_>) -> Result<Vec<Slug>, CliError> {
    if !session.scope.is_empty() {
        return Ok(session.scope.clone());
    }
    let mut admin = FleetAdmin::connect(url).await.map_err(failed)?;
    let bottles = admin.bottle_list().await.map_err(failed)?;
    admin.close().await;
    Ok(bottles.into_iter().map(|bottle| bottle.slug).collect())
}

/// What an operator's role is refused, an administrator's isn't.
fn failed(error: StoreError) -> CliError {
    let denied = matches!(error, StoreError::Denied(_));
    let error = CliError::from(error);
    if denied {
        return error.hint(line![
            "this takes the address of the database's administrator: --url"
        ]);
    }
    error
}

/// An address on a line of its own, whole however narrow the terminal is.
fn print(url: &FleetUrl, session: &Session<'_>) {
    session.ui.data_text(&SafeText::new(url.expose()));
}
