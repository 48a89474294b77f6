//! A program with everything it needs inside, and nothing in it that depends on where it was built.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{self, Failed, cargo, say};

/// What rustc compiles for.
pub(crate) struct Target {
    triple: String,
    architecture: String,
}

impl Target {
    /// musl where rustup has it and a C compiler goes with it, else this machine's own libc, linked statically.
    pub(crate) fn choose() -> Result<Target, Failed> {
        let host = host(&command::read(Command::new("rustc").arg("-vV"))?)?;
        let architecture = host.split('-').next().unwrap_or_default().to_owned();
        let musl = format!("{architecture}-unknown-linux-musl");
        let triple = if can_build_musl(&musl) { musl } else { host };
        if !triple.contains("-linux-") {
            return Err(Failed::new(format!("an image needs Linux, and this is {triple}")));
        }
        say(&format!("target   {triple}, linked statically"));
        Ok(Target { triple, architecture })
    }

    pub(super) fn triple(&self) -> &str {
        &self.triple
    }

    /// The name that images use.
    pub(crate) fn architecture(&self) -> Result<&'static str, Failed> {
        match self.architecture.as_str() {
            "x86_64" => Ok("amd64"),
            "aarch64" => Ok("arm64"),
            other => Err(Failed::new(format!("no name for images on {other} is known"))),
        }
    }
}

fn host(version: &str) -> Result<String, Failed> {
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| Failed::new("rustc -vV names no host"))
}

/// SQLite is C, so the target alone isn't enough.
fn can_build_musl(triple: &str) -> bool {
    let mut libdir = Command::new("rustc");
    libdir.args(["--print", "target-libdir", "--target", triple]);
    let standard_library = libdir
        .output()
        .is_ok_and(|said| Path::new(String::from_utf8_lossy(&said.stdout).trim()).is_dir());
    standard_library && command::succeeds(Command::new("musl-gcc").arg("--version"))
}

pub(crate) struct Binary {
    pub(crate) bytes: Vec<u8>,
}

impl Binary {
    /// Compiles a program of a package, optimised and stripped as the workspace's profile says.
    pub(crate) fn build(
        package: &str,
        program: &str,
        target: &Target,
        folder: &Path,
    ) -> Result<Binary, Failed> {
        let mut build = cargo("build");
        build
            .args(["--locked", "--release", "--package", package, "--bin", program])
            .args(["--target", &target.triple, "--target-dir"])
            .arg(folder)
            .arg("--config")
            .arg(format!("target.{}.rustflags={}", target.triple, flags(folder)?))
            // Either would take the place of the flags above.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        command::run(&mut build)?;
        let path = folder.join(&target.triple).join("release").join(program);
        let bytes = fs::read(&path).map_err(|error| Failed::new(format!("{}: {error}", path.display())))?;
        Ok(Binary { bytes })
    }
}

/// Names of folders end up in panic messages, so each is given a name that is the same everywhere. A JSON list of
/// strings is one in TOML too.
fn flags(folder: &Path) -> Result<Value, Failed> {
    let version = command::read(Command::new("rustc").arg("-vV"))?;
    let commit = version
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))
        .unwrap_or("unknown");
    let sysroot = command::read(Command::new("rustc").args(["--print", "sysroot"]))?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    let renamed = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    Ok(json!([
        "-Ctarget-feature=+crt-static",
        renamed(&cargo_home()?, "/cargo"),
        renamed(folder, "/target"),
        renamed(&library, &format!("/rustc/{commit}")),
    ]))
}

fn cargo_home() -> Result<PathBuf, Failed> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
        .ok_or_else(|| Failed::new("neither CARGO_HOME nor HOME is set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustc_names_its_host() {
        let said = "rustc 1.95.0\nbinary: rustc\nhost: aarch64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(host(said).unwrap(), "aarch64-unknown-linux-gnu");
        assert!(host("rustc 1.95.0\n").is_err());
    }
}
