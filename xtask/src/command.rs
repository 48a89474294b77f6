//! Runs programs: one line on stderr before each, and errors that can be repeated by hand.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

/// Why a task stopped, and the exit code that says so.
#[derive(Debug)]
pub(crate) struct Failed {
    reason: String,
    code: u8,
}

impl Failed {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            code: 1,
        }
    }

    fn exited(command: &Command, status: ExitStatus) -> Self {
        let code = status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1);
        Self {
            reason: format!("{status}: {}", shell_line(command)),
            code,
        }
    }

    fn not_started(command: &Command, error: &io::Error) -> Self {
        Self::new(format!("{}: {error}", shell_line(command)))
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn report(&self) -> ExitCode {
        say(&format!("xtask: {}", self.reason));
        ExitCode::from(self.code)
    }
}

/// What the tests in one `cargo test` came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed(pub(crate) u64);

pub(crate) fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new("cargo");
    command.arg(subcommand);
    command
}

/// Every command is written relative to the root, so that its printed line works from there.
pub(crate) fn go_to_root() -> Result<(), Failed> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().unwrap_or(manifest);
    env::set_current_dir(root).map_err(|error| Failed::new(format!("{}: {error}", root.display())))
}

/// Wherever the target folder was put, this program lies in it.
pub(crate) fn target_folder() -> Result<PathBuf, Failed> {
    let own =
        env::current_exe().map_err(|error| Failed::new(format!("finding the target folder: {error}")))?;
    own.ancestors()
        .nth(2)
        .map(Path::to_owned)
        .ok_or_else(|| Failed::new(format!("{} lies in no target folder", own.display())))
}

/// The one place that writes to stderr. A closed stderr is no reason to stop the work.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

pub(crate) fn run(command: &mut Command) -> Result<(), Failed> {
    say(&format!("$ {}", shell_line(command)));
    let status = command
        .status()
        .map_err(|error| Failed::not_started(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failed::exited(command, status))
    }
}

/// Whether a command succeeds; what it says is thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a command for what it prints on stdout.
pub(crate) fn read(command: &mut Command) -> Result<String, Failed> {
    say(&format!("$ {}", shell_line(command)));
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failed::not_started(command, &error))?;
    if !output.status.success() {
        return Err(Failed::exited(command, output.status));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failed::new(format!("not UTF-8: the output of {}", shell_line(command))))
}

/// Runs a `cargo test`, passes its output on, and counts: a run in which nothing was tested has failed.
pub(crate) fn run_tests(command: &mut Command) -> Result<Passed, Failed> {
    say(&format!("$ {}", shell_line(command)));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failed::not_started(command, &error))?;
    let echoed = child
        .stdout
        .take()
        .map(|out| count_passed(BufReader::new(out), io::stdout().lock()));
    let status = child
        .wait()
        .map_err(|error| Failed::not_started(command, &error))?;
    if !status.success() {
        return Err(Failed::exited(command, status));
    }
    match echoed {
        Some(Ok(passed)) if passed.0 > 0 => Ok(passed),
        Some(Err(error)) => Err(Failed::not_started(command, &error)),
        _ => Err(Failed::new(format!("no test ran: {}", shell_line(command)))),
    }
}

fn count_passed(mut from: impl BufRead, mut to: impl Write) -> io::Result<Passed> {
    let mut passed = Passed::default();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        passed.0 += passed_in(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(passed)
}

fn passed_in(line: &str) -> u64 {
    line.strip_prefix("test result: ok. ")
        .and_then(|rest| rest.split_once(" passed"))
        .and_then(|(count, _)| count.parse().ok())
        .unwrap_or(0)
}

/// The command as a line for a shell.
pub(crate) fn shell_line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        let value = value?;
        Some(format!("{}={}", name.to_string_lossy(), quoted(value)))
    });
    let words = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(quoted);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./,:@{}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_tests_are_summed_over_all_binaries() {
        let output = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.00s\n\
            test result: ok. 13 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n\
            test result: FAILED. 7 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let mut echoed = Vec::new();
        assert_eq!(count_passed(output.as_bytes(), &mut echoed).unwrap(), Passed(15));
        assert_eq!(echoed, output.as_bytes());
    }

    #[test]
    fn output_that_is_not_text_is_passed_on() {
        let mut echoed = Vec::new();
        assert_eq!(count_passed(&b"\xff\n\xfe"[..], &mut echoed).unwrap(), Passed(0));
        assert_eq!(echoed, b"\xff\n\xfe");
    }

    #[test]
    fn a_run_without_tests_has_failed() {
        let failed = run_tests(Command::new("sh").args(["-c", "echo 'test result: ok. 0 passed; 0 failed'"]));
        assert_eq!(
            failed.unwrap_err().reason,
            r"no test ran: sh -c 'echo '\''test result: ok. 0 passed; 0 failed'\'''"
        );
    }

    #[test]
    fn the_exit_code_of_a_failed_command_is_kept() {
        let failed = run(Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!(
            (failed.code, failed.reason.as_str()),
            (7, "exit status: 7: sh -c 'exit 7'")
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let failed = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(
            failed.reason.starts_with("no-such-program: "),
            "{}",
            failed.reason
        );
    }

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        let mut command = cargo("doc");
        command
            .args(["--workspace", "it's", ""])
            .env("RUSTDOCFLAGS", "-D warnings")
            .env_remove("CI");
        assert_eq!(
            shell_line(&command),
            r"RUSTDOCFLAGS='-D warnings' cargo doc --workspace 'it'\''s' ''"
        );
    }
}
