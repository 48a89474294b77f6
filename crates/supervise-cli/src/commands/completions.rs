//! `supervise completions`: a script that teaches a shell the verbs and options, and to ask for ids and bottles.

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
  supervise completions fish > ~/.config/fish/completions/supervise.fish

In bash, zsh and fish the pending ids and the bottles are completed too, with what they ask for.";

/// Where the script for zsh sets itself up; ours does that instead.
const ZSH_SETUP: &str = "if [ \"$funcstack[1]\" = \"_supervise\" ]";

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
    let fixed = String::from_utf8_lossy(&script);
    session.ui.data_text(&SafeText::new(&whole(args.shell, &fixed)));
    Ok(Exit::DONE)
}

/// The script of what is fixed, and behind it what asks this program for the rest.
fn whole(shell: Shell, fixed: &str) -> String {
    match shell {
        Shell::Bash => format!("{fixed}{}", include_str!("completions/told.bash")),
        Shell::Fish => format!("{fixed}{}", include_str!("completions/told.fish")),
        Shell::Zsh => {
            let functions = fixed.split(ZSH_SETUP).next().unwrap_or(fixed);
            format!("{functions}{}", include_str!("completions/told.zsh"))
        }
        _ => fixed.to_owned(),
    }
}
