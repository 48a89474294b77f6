//! The tests under AddressSanitizer: `unsafe` is forbidden here, but not in what is built in.

use std::fs;
use std::process::Command;

use super::{Missing, Outcome};
use crate::command::{self, Failed, cargo};

/// Compiled in another way than everything else, so it lies elsewhere.
const BUILT: &str = "target/sanitizers";
/// The tests of each. Those of the sidecar over sockets wait for fractions of a second, in which an instrumented
/// program doesn't get far.
const TESTS: [&[&str]; 2] = [
    &[
        "--package",
        "supervise-core",
        "--package",
        "supervise-store",
        "--package",
        "supervise-sidecar",
        "--lib",
    ],
    &["--package", "supervise-store", "--test", "it"],
];

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    let version = command::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failed::new("rustc -vV names no host"))?;
    if !has_runtime()? {
        return Ok(Outcome::Skipped(
            "rustc brings no AddressSanitizer for this machine",
        ));
    }
    for tests in TESTS {
        let mut test = cargo("test");
        test.args(["--locked", "--quiet", "--target", host, "--target-dir", BUILT])
            .args(tests)
            // The flag is unstable and the compiler isn't; this makes it take it.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=address")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        command::run(&mut test)?;
    }
    Ok(Outcome::Passed)
}

fn has_runtime() -> Result<bool, Failed> {
    let folder = command::read(Command::new("rustc").args(["--print", "target-libdir"]))?;
    let entries =
        fs::read_dir(folder.trim()).map_err(|error| Failed::new(format!("{}: {error}", folder.trim())))?;
    Ok(entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().contains("rt.asan")))
}
