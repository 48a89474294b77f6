//! The program `supervise-sidecar`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let environment = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
    supervise_sidecar::run(std::env::args_os().skip(1), environment)
}
