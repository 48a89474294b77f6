//! `supervise man`: a manual page for the program and one for each verb.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use supervise_core::{SafeLine, SafeText};

use crate::arguments::Arguments;
use crate::error::{CliError, Exit};
use crate::session::Session;
use crate::ui::line;

const EXAMPLES: &str = "\
Examples:
  supervise man | man -l -
  supervise man ~/.local/share/man/man1     then: man supervise-approve

Pages that are there already are written anew.";

/// Write the manual pages
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to write a page for each verb; without it the program's own is printed
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: Args, session: &Session<'_>) -> Result<Exit, CliError> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let failed = |source: io::Error| CliError::failed("the pages can't be written").because(source);
    match args.dir {
        None => {
            let page = page("supervise", &command).map_err(failed)?;
            session.ui.data_text(&SafeText::new(&page));
        }
        Some(dir) => {
            std::fs::create_dir_all(&dir).map_err(failed)?;
            let count = write(&dir, "supervise", &command).map_err(failed)?;
            let place = SafeLine::new(&dir.to_string_lossy());
            session.ui.say(&[line![count, " pages are in ", place]]);
        }
    }
    Ok(Exit::DONE)
}

/// Writes the page of a verb and those of the verbs below it. Returns how many they are.
fn write(dir: &Path, name: &str, command: &Command) -> io::Result<usize> {
    std::fs::write(dir.join(format!("{name}.1")), page(name, command)?)?;
    let mut count = 1;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        count += write(dir, &format!("{name}-{}", verb.get_name()), verb)?;
    }
    Ok(count)
}

fn page(name: &str, command: &Command) -> io::Result<String> {
    let man = Man::new(command.clone())
        .title(name)
        .source(concat!("supervise ", env!("CARGO_PKG_VERSION")))
        .manual("supervise")
        .date("");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    page.write_all(after(command).as_bytes())?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// The examples as they stand in the help, and what follows them there.
fn after(command: &Command) -> String {
    let text = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (examples, notes) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut roff = String::new();
    if let Some(examples) = examples.strip_prefix("Examples:\n") {
        roff += &format!(".SH EXAMPLES\n.nf\n{}\n.fi\n", escaped(examples));
    }
    if !notes.is_empty() {
        roff += &format!(".SH NOTES\n{}\n", escaped(notes).replace("\n\n", "\n.PP\n"));
    }
    roff
}

/// Text as roff prints it: no backslash, dash or leading dot means anything.
fn escaped(text: &str) -> String {
    let plain = text
        .replace('\\', "\\(rs")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    let line = |line: &str| {
        if line.starts_with('.') {
            format!("\\&{line}")
        } else {
            line.to_owned()
        }
    };
    plain.lines().map(line).collect::<Vec<_>>().join("\n")
}
