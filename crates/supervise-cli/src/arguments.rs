//! The command line: global options, the verbs, and how a wrong one is explained.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser};
use supervise_core::{SafeText, Slug};

use crate::commands::Verb;
use crate::environment::Environment;
use crate::error::{Exit, Kind};
use crate::ui::{ColorChoice, Line, Ui};

const EXAMPLES: &str = "\
Examples:
  supervise demo                     see the whole thing work, with nothing set up
  supervise list                     what every bottle is asking for
  supervise review                   decide about each in turn
  supervise approve 3f2a@9c41d0e7    approve exactly what was shown
  supervise audit list --bottle dev  what was decided

Exit codes: 0 done, 1 failed, 2 usage, 3 no such proposal or bottle, 4 already decided,
5 changed since it was shown, 6 needs a terminal, 7 the effect failed and was rolled back, 130
interrupted by Ctrl-C or another signal; from `submit --wait` also 8 rejected and 9 not decided in
time.";

/// The operator's inbox for agents in locked-down containers: shows what they ask for and records what you decide.
#[derive(Debug, Parser)]
#[command(name = "supervise", version, after_help = EXAMPLES, max_term_width = 110, propagate_version = false)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options that every verb takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Where queues and the audit log lie [env: SUPERVISE_ROOT] [default: ~/.bot-bottle]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Look at this bottle only; may be given several times
    #[arg(long = "bottle", global = true, value_name = "SLUG")]
    pub(crate) bottles: Vec<Slug>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Never ask; what needs an answer ends with exit code 6
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Answer yes where a verb would ask whether to go on
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(crate) color: ColorChoice,
}

/// Prints help or says what is wrong with the command line.
pub(crate) fn explain(message: &clap::Error, environment: &Environment) -> ExitCode {
    let ui = Ui::new(ColorChoice::Auto, environment);
    // An argument may have been pasted from what an agent wrote, so clap's own printing won't do.
    let text = SafeText::new(message.render().to_string().trim_end());
    match message.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            ui.data_text(&text);
            ui.finish(Exit::DONE).into()
        }
        _ => {
            ui.say(&Line::of_text(&text).collect::<Vec<_>>());
            Exit::from(Kind::Usage).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::*;

    /// The runs of this program in a line of examples, as a shell splits it; two spaces begin a comment.
    fn runs(line: &str) -> Vec<Vec<String>> {
        let mut runs = vec![Vec::new()];
        let mut word: Option<String> = None;
        let mut quote = None;
        let mut before = 'x';
        for c in line.trim().chars().chain([' ']) {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, ' ') if before == ' ' => break,
                (None, ' ' | '|' | '>' | '<' | ';') => {
                    runs.last_mut().unwrap().extend(word.take());
                    if c != ' ' {
                        runs.push(Vec::new());
                    }
                }
                (_, c) => word.get_or_insert_default().push(c),
            }
            before = c;
        }
        runs.retain(|run| run.first().is_some_and(|program| program == "supervise"));
        runs
    }

    fn every(command: &Command, check: &mut impl FnMut(&Command)) {
        check(command);
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            every(verb, check);
        }
    }

    #[test]
    fn every_verb_has_examples_that_parse() {
        let mut command = Arguments::command();
        command.build();
        every(&command, &mut |verb| {
            let name = verb.get_bin_name().unwrap_or_default().to_owned();
            let help = verb.clone().render_long_help().to_string();
            let (_, examples) = help
                .split_once("\nExamples:\n")
                .unwrap_or_else(|| panic!("{name} has no examples"));
            let (examples, _) = examples.split_once("\n\n").unwrap_or((examples, ""));
            let all: Vec<_> = examples.lines().flat_map(runs).collect();
            assert!(
                all.iter().any(|run| run.join(" ").starts_with(&name)),
                "{name}: {all:?}"
            );
            for run in all {
                if let Err(error) = Arguments::try_parse_from(&run) {
                    panic!("{name}: {run:?}: {error}");
                }
            }
        });
    }

    #[test]
    fn lines_are_split_as_a_shell_does() {
        let split = |line| {
            runs(line)
                .into_iter()
                .map(|run| run.join("\n"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            split("  supervise a 'b  c|d' > x    a comment"),
            ["supervise\na\nb  c|d"]
        );
        assert_eq!(
            split("cat x | supervise a | jq . | supervise b"),
            ["supervise\na", "supervise\nb"]
        );
        assert!(split("jq . x").is_empty());
    }
}
