//! The operator's program: one inbox over every bottle, and the only place where a proposal is decided.
//!
//! It reads the queues that sidecars write, shows what an agent asks for in a form that agent text can't
//! fake, and records the operator's decision. It is not a library: [`run`] is the program, so that tests and
//! `main` share one door.
//!
//! ```no_run
//! supervise_cli::run(["supervise", "list"].map(Into::into));
//! ```

mod age;
mod apply;
mod arguments;
mod attention;
mod bind;
mod check;
mod commands;
mod complete;
mod config;
mod danger;
mod decide;
mod desk;
mod edit;
mod editor;
mod environment;
mod error;
mod fleet;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hook;
mod id;
mod inbox;
mod json;
mod look;
mod notify;
mod operator;
mod pager;
mod prompt;
mod queues;
mod recover;
mod render;
mod report;
mod risks;
mod session;
mod shown;
mod signals;
mod source;
mod span;
mod turn;
mod ui;
mod visible;
mod visit;

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Runtime;

use crate::arguments::Arguments;
use crate::complete::Question;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::session::Session;
use crate::ui::Ui;

/// Runs the program with its arguments, the program's own name first, and says how it ends.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let environment = Environment::read(|name| std::env::var_os(name));
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(question) = Question::asked(&arguments) {
        return question.answer(environment);
    }
    match Arguments::try_parse_from(arguments) {
        Ok(arguments) => run_verb(arguments, environment),
        Err(message) => arguments::explain(&message, &environment),
    }
}

fn run_verb(arguments: Arguments, environment: Environment) -> ExitCode {
    let ui = Ui::new(arguments.globals.color, &environment);
    let exit = block_on(async {
        let session = Session::new(&arguments.globals, environment, &ui)?;
        arguments.verb.run(&session).await
    });
    let exit = exit.unwrap_or_else(|error| {
        ui.error(&error);
        error.kind().into()
    });
    ui.finish(exit).into()
}

/// One thread is enough for one operator; what still waits when the verb is done is left behind.
fn block_on(verb: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    let runtime = runtime().map_err(|source| CliError::failed("the program can't start").because(source))?;
    let exit = runtime.block_on(verb);
    runtime.shutdown_background();
    exit
}

fn runtime() -> io::Result<Runtime> {
    // The runtime opens six descriptors at its start, and panics where it can't have those for signals.
    let pairs: io::Result<Vec<_>> = (0..3).map(|_| UnixStream::pair()).collect();
    drop(pairs?);
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
