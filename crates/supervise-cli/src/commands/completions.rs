//! `supervise completions`: a script that teaches a shell the verbs and options.

use clap::CommandFactory as _;
use clap_complete::Shell;
use supervise_core::SafeText;

use crate::arguments::Arguments;
use crate::error::{CliError, Exit};
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  supervise completions bash > ~/.local/share/bash-completion/completions/supervise
  supervise completions zsh > ~/.zfunc/_supervise
  supervise completions fish > ~/.config/fish/completions/supervise.fish";

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "supervise", &mut script);
    session
        .ui
        .data_text(&SafeText::new(&String::from_utf8_lossy(&script)));
    Ok(Exit::DONE)
}
