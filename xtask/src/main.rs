//! The chores of this repository: `cargo xtask --help`.

mod abuse;
mod bench;
mod ci;
mod cluster;
mod command;
mod demo;
mod fuzz;
mod guarded;
mod image;
mod integration;
mod test;
mod torture;

use std::process::ExitCode;

use clap::Parser;

/// The chores of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Runs every test that needs nothing but Rust
    Test,
    /// Builds both programs and starts `supervise demo`
    Demo(demo::Args),
    /// Runs what has to pass before a change goes in
    Ci(ci::Args),
    /// Builds the sidecar's container image, and a list of what is in it
    Image(image::Args),
    /// Plays the whole story with the image in containers, and strikes at it
    Integration(integration::Args),
    /// Attacks the sidecar as a hostile agent would, and looks what it costs
    Abuse(abuse::Args),
    /// Measures both programs, beside others if asked to
    Bench(bench::Args),
    /// Runs the fuzz targets (needs a nightly compiler and cargo-fuzz)
    Fuzz(fuzz::Args),
    /// Kills, races and wears out both programs, and counts what was lost
    Torture(torture::Args),
    #[command(hide = true)]
    BenchClient(bench::client::Args),
}

fn main() -> ExitCode {
    let task = Task::parse();
    let outcome = command::go_to_root().and_then(|()| match task {
        Task::Test => test::run(),
        Task::Demo(args) => demo::run(&args),
        Task::Ci(args) => ci::run(&args),
        Task::Image(args) => image::run(&args),
        Task::Integration(args) => integration::run(&args),
        Task::Abuse(args) => abuse::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Torture(args) => torture::run(&args),
        Task::BenchClient(args) => bench::client::run(&args),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.report(),
    }
}
