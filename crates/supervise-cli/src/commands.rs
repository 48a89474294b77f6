//! The verbs, one file each.

mod approve;
mod audit;
mod completions;
mod demo;
pub(crate) mod doctor;
#[cfg(feature = "postgres")]
mod fleet;
mod list;
mod man;
pub(crate) mod modify;
mod prepare;
mod prune;
mod reject;
mod reopen;
mod review;
mod routes;
mod several;
mod show;
mod submit;
pub(crate) mod watch;

use clap::Subcommand;

use crate::error::{CliError, Exit};
use crate::session::Session;

const ROUTES: &str = "\
Examples:
  supervise routes show dev
  supervise routes check dev";

#[cfg(feature = "postgres")]
const FLEET: &str = "\
Examples:
  supervise fleet init --url postgres://postgres@db.example/fleet
  supervise fleet add-bottle dev --url postgres://postgres@db.example/fleet
  supervise fleet list

An address on the command line is seen by whoever lists processes: SUPERVISE_FLEET_URL, or the
`[fleet]` of queues.toml under the root, are not. A password may also stand in ~/.pgpass.";

const AUDIT: &str = "\
Examples:
  supervise audit list --bottle dev
  supervise audit export > audit.jsonl";

/// What the operator can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(list::Args),
    Show(show::Args),
    Review(review::Args),
    Approve(approve::Args),
    Reject(reject::Args),
    Modify(modify::Args),
    Reopen(reopen::Args),
    Watch(watch::Args),
    #[command(subcommand, after_help = ROUTES)]
    Routes(routes::Verb),
    #[command(subcommand, after_help = AUDIT)]
    Audit(audit::Verb),
    Prepare(prepare::Args),
    #[cfg(feature = "postgres")]
    #[command(subcommand, after_help = FLEET)]
    Fleet(fleet::Verb),
    Prune(prune::Args),
    Submit(submit::Args),
    Doctor(doctor::Args),
    Demo(demo::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Verb {
    /// Does it.
    pub(crate) async fn run(self, session: &Session<'_>) -> Result<Exit, CliError> {
        match self {
            Verb::List(args) => list::run(args, session).await,
            Verb::Show(args) => show::run(args, session).await,
            Verb::Review(args) => review::run(args, session).await,
            Verb::Approve(args) => approve::run(args, session).await,
            Verb::Reject(args) => reject::run(args, session).await,
            Verb::Modify(args) => modify::run(args, session).await,
            Verb::Reopen(args) => reopen::run(args, session).await,
            Verb::Watch(args) => watch::run(args, session).await,
            Verb::Routes(verb) => routes::run(verb, session).await,
            Verb::Audit(verb) => audit::run(verb, session).await,
            Verb::Prepare(args) => prepare::run(args, session),
            #[cfg(feature = "postgres")]
            Verb::Fleet(verb) => fleet::run(verb, session).await,
            Verb::Prune(args) => prune::run(args, session).await,
            Verb::Submit(args) => submit::run(args, session).await,
            Verb::Doctor(args) => doctor::run(args, session).await,
            Verb::Demo(args) => demo::run(args, session).await,
            Verb::Completions(args) => completions::run(args, session),
            Verb::Man(args) => man::run(args, session),
        }
    }
}
