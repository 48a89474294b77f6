//! Tar files in which nothing depends on the machine: names, modes and times are given, the owner is root.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::command::Failed;

const BLOCK: usize = 512;
const NAME_BYTES: usize = 100;
/// Where a header's checksum stands.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// One regular file.
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    /// Permission bits.
    pub(super) mode: u32,
    pub(super) bytes: &'a [u8],
}

/// The files in the order given, all with one modification time in seconds since 1970.
pub(super) fn write(files: &[File<'_>], modified: u64) -> Result<Vec<u8>, Failed> {
    let mut out = Vec::new();
    for file in files {
        out.extend(header(file, modified)?);
        out.extend(file.bytes);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks end it.
    out.resize(out.len() + 2 * BLOCK, 0);
    Ok(out)
}

/// The form of POSIX.1-1988, "ustar".
fn header(file: &File<'_>, modified: u64) -> Result<[u8; BLOCK], Failed> {
    if file.name.len() > NAME_BYTES {
        return Err(Failed::new(format!(
            "too long a name for a tar file: {}",
            file.name
        )));
    }
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, file.name);
    put(100, &format!("{:07o}\0", file.mode));
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", file.bytes.len()));
    put(136, &format!("{modified:011o}\0"));
    put(156, "0");
    put(257, "ustar\x0000");
    put(CHECKSUM.start, "        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

/// SHA-256 as 64 hex digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn tar_reads_what_was_written() {
        let files = [
            File {
                name: "program",
                mode: 0o555,
                bytes: &[7; 700],
            },
            File {
                name: "empty",
                mode: 0o444,
                bytes: b"",
            },
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("files.tar");
        std::fs::write(&path, write(&files, 86_400).unwrap()).unwrap();
        let listed = Command::new("tar")
            .args([
                "--list",
                "--verbose",
                "--numeric-owner",
                "--utc",
                "--full-time",
                "--file",
            ])
            .arg(&path)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(listed.stdout).unwrap(),
            "-r-xr-xr-x 0/0             700 1970-01-02 00:00:00 program\n\
             -r--r--r-- 0/0               0 1970-01-02 00:00:00 empty\n"
        );
    }

    #[test]
    fn the_digest_is_sha_256() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
