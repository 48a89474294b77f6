//! `cargo xtask demo`: the main job, straight from a checkout.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::command::{self, Failed, cargo, shell_line};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to `supervise demo`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    command::run(cargo("build").args([
        "--locked",
        "--package",
        "supervise-cli",
        "--package",
        "supervise-sidecar",
        "--bins",
    ]))?;
    // Wherever the target folder was put, this program lies where those two do.
    let own =
        env::current_exe().map_err(|error| Failed::new(format!("finding the target folder: {error}")))?;
    let mut demo = Command::new(own.with_file_name("supervise"));
    demo.arg("demo").args(&args.rest);
    // Taking this process's place leaves the terminal and its signals to the demo alone.
    let error = demo.exec();
    Err(Failed::new(format!("{}: {error}", shell_line(&demo))))
}
