//! `cargo xtask fuzz`: runs the fuzz targets, each for a while.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{self, Failed};

const TARGETS: &str = "fuzz/fuzz_targets";
/// Seen from the root, and where `cargo clean` finds it.
const BUILT: &str = "target/fuzz";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each target runs
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u32,
    /// These targets only
    #[arg(value_name = "TARGET")]
    pub(crate) only: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    let all = targets()?;
    if let Some(unknown) = args.only.iter().find(|name| !all.contains(name)) {
        return Err(Failed::new(format!(
            "no fuzz target '{unknown}'; there are {}",
            all.join(", ")
        )));
    }
    command::run(fuzz("build").args(["--target-dir", BUILT]))?;
    all.iter()
        .filter(|name| args.only.is_empty() || args.only.contains(name))
        .try_for_each(|name| one(name, args.seconds))
}

/// Whether this machine has what the targets are built with.
pub(crate) fn is_there() -> bool {
    command::succeeds(&mut fuzz("--version"))
}

fn one(name: &str, seconds: u32) -> Result<(), Failed> {
    command::run(
        fuzz("run")
            .args(["--target-dir", BUILT, name])
            .args(corpora(name)?)
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            .args([
                "-print_final_stats=1",
                "-verbosity=0",
                "-max_len=4096",
                "-timeout=10",
            ]),
    )
}

/// New inputs go into the first folder, which isn't committed; what is committed is only read.
fn corpora(name: &str) -> Result<Vec<String>, Failed> {
    let grown = format!("fuzz/corpus/{name}");
    fs::create_dir_all(&grown).map_err(|error| Failed::new(format!("{grown}: {error}")))?;
    let seeds = format!("fuzz/seeds/{name}");
    let seeds = Path::new(&seeds).is_dir().then_some(seeds);
    Ok([Some(grown), seeds].into_iter().flatten().collect())
}

fn targets() -> Result<Vec<String>, Failed> {
    let entries = fs::read_dir(TARGETS).map_err(|error| Failed::new(format!("{TARGETS}: {error}")))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn fuzz(subcommand: &str) -> Command {
    let mut command = command::cargo("+nightly");
    command.args(["fuzz", subcommand]);
    command
}
