//! `cargo xtask test`: every test that needs nothing but Rust.

use std::path::Path;
use std::process::Command;

use crate::command::{self, Failed, cargo, say};

pub(crate) fn run() -> Result<(), Failed> {
    built_then(cargo("test").args(["--workspace", "--locked"]))
}

/// Runs the ignored tests with `filter` in their name; `variable` tells them where `needed` lies.
pub(crate) fn run_ignored(filter: &str, variable: &str, needed: &Path) -> Result<(), Failed> {
    let mut tests = cargo("test");
    tests
        .args(["--workspace", "--locked", "--", "--ignored", filter])
        .env(variable, needed);
    built_then(&mut tests)
}

/// Runs the ignored tests with `filter` in their name, which need nothing but time, or programs that lie where
/// programs are looked for.
pub(crate) fn run_slow(filter: &str) -> Result<(), Failed> {
    built_then(cargo("test").args(["--workspace", "--locked", "--", "--ignored", filter]))
}

/// Tests of one program may start the other, which `cargo test` alone need not have built. With `--tests` the
/// dependencies get the very features the tests need, so that nothing is compiled twice.
fn built_then(tests: &mut Command) -> Result<(), Failed> {
    command::run(cargo("build").args(["--workspace", "--locked", "--bins", "--tests"]))?;
    let passed = command::run_tests(tests)?;
    say(&format!("{} tests passed", passed.0));
    Ok(())
}
