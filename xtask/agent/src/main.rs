//! The agent's side of `cargo xtask integration`: does what it is told on stdin, from inside its container, and says
//! on stdout what came of it. As `agent egress FILE` it is the egress proxy next door.

mod client;
mod dialogue;
mod egress;
mod meddle;
mod reach;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        [] => dialogue::run(),
        ["egress", file] => egress::run(file.as_ref()),
        _ => Err(std::io::Error::other("usage: agent [egress FILE]")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            dialogue::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
