//! The C library that is linked statically, which belongs to no crate.

use std::process::Command;

use super::binary::Target;
use crate::command::{self, Failed};

/// Name and version. rustc brings musl along and doesn't say which one, so its own version stands for it.
pub(super) fn linked_into(target: &Target) -> Result<(String, String), Failed> {
    if target.triple().ends_with("-musl") {
        let version = command::read(Command::new("rustc").arg("--version"))?;
        return Ok(("musl".to_owned(), musl(&version)?));
    }
    let version = command::read(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    glibc(&version)
}

fn musl(rustc: &str) -> Result<String, Failed> {
    let version = rustc.split_whitespace().nth(1);
    version
        .map(|version| format!("rustc-{version}"))
        .ok_or_else(|| Failed::new("rustc --version names no version"))
}

/// From `glibc 2.36`.
fn glibc(said: &str) -> Result<(String, String), Failed> {
    let (name, version) = said
        .trim()
        .split_once(' ')
        .ok_or_else(|| Failed::new(format!("getconf names no C library: {said:?}")))?;
    Ok((name.to_owned(), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_has_a_name_and_a_version() {
        assert_eq!(
            musl("rustc 1.95.0 (59807616e 2026-04-14)\n").unwrap(),
            "rustc-1.95.0"
        );
        assert_eq!(
            glibc("glibc 2.36\n").unwrap(),
            ("glibc".to_owned(), "2.36".to_owned())
        );
        assert!(musl("").is_err() && glibc("").is_err());
    }
}
