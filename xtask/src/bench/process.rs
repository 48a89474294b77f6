//! A process that is spoken to line by line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use super::program::trouble;
use crate::command::{Failed, shell_line};
use crate::guarded::Guarded;

/// A process that answers lines with lines.
pub(super) struct Dialogue {
    name: String,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _child: Guarded,
}

impl Dialogue {
    pub(super) fn start(command: &mut Command) -> Result<Dialogue, Failed> {
        let name = shell_line(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Guarded::spawn(command)?;
        let pipes = child.0.stdin.take().zip(child.0.stdout.take());
        let (input, output) = pipes.ok_or_else(|| Failed::new(format!("{name}: no pipes")))?;
        Ok(Dialogue {
            name,
            input,
            output: BufReader::new(output),
            _child: child,
        })
    }

    pub(super) fn say(&mut self, line: &str) -> Result<(), Failed> {
        writeln!(self.input, "{line}").map_err(trouble(&self.name))
    }

    /// The next line. Every process here bounds its own time, so this ends.
    pub(super) fn hear(&mut self) -> Result<String, Failed> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err(Failed::new(format!("ended early: {}", self.name))),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(trouble(&self.name)(error)),
        }
    }

    pub(super) fn ask(&mut self, line: &str) -> Result<String, Failed> {
        self.say(line)?;
        self.hear()
    }
}
