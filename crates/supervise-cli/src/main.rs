//! The program `supervise`.

use std::process::ExitCode;

fn main() -> ExitCode {
    supervise_cli::run(std::env::args_os())
}
