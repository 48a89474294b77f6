//! The chain's anchor: `<root>/audit/chain.log`, a line `<id> <hash>` per entry, only ever appended to.
//!
//! A line is written after its entry's commit and before the lock is given up, so the anchor may lag the
//! chain by what one crash left out, and never leads it. The next append writes what is missing.

mod lines;

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::chain::Linked;
use crate::error::StoreError;
use crate::guard;
use crate::lock;

pub(crate) use lines::{AnchorLines, Said};

const PATIENCE: Duration = Duration::from_secs(10);
/// More than two of the longest lines.
const TAIL_BYTES: u64 = 256;

/// The anchor, locked against other programs of ours.
pub(crate) struct Anchor {
    path: PathBuf,
    file: File,
    last_id: i64,
}

impl Anchor {
    pub(crate) async fn lock(path: &Path) -> Result<Anchor, StoreError> {
        let mut file = lock::lock(path, PATIENCE).await?;
        let last_id = last_id(&mut file).map_err(|error| StoreError::io(path, error))?;
        if last_id == 0 {
            // A new file: a chain must never be found without it, so its name lasts before the first commit.
            guard::sync_name(path)?;
        }
        Ok(Anchor {
            path: path.to_owned(),
            file,
            last_id,
        })
    }

    /// The entry of the last whole line; 0 for an empty anchor.
    pub(crate) fn last_id(&self) -> i64 {
        self.last_id
    }

    pub(crate) fn append(&mut self, lines: &[Linked]) -> Result<(), StoreError> {
        let text: String = lines
            .iter()
            .map(|line| format!("{} {}\n", line.id, line.hash))
            .collect();
        let written = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data());
        written.map_err(|error| StoreError::io(&self.path, error))
    }
}

fn last_id(file: &mut File) -> std::io::Result<i64> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    if tail.last().is_some_and(|byte| *byte != b'\n') {
        // A crash tore the last line; ended here, its entry is written again in full.
        file.write_all(b"\n")?;
    }
    Ok(last_whole_line(&String::from_utf8_lossy(&tail)))
}

fn last_whole_line(tail: &str) -> i64 {
    let whole = tail.rfind('\n').map_or("", |end| &tail[..end]);
    whole.lines().rev().find_map(entry_id).unwrap_or(0)
}

fn entry_id(line: &str) -> Option<i64> {
    let (id, hash) = line.split_once(' ')?;
    // A loss of power may leave holes in a line.
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { id.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_count() {
        let hash = "0".repeat(64);
        assert_eq!(last_whole_line(""), 0);
        assert_eq!(last_whole_line(&format!("7 {hash}")), 0);
        assert_eq!(last_whole_line(&format!("7 {hash}\n")), 7);
        assert_eq!(last_whole_line(&format!("7 {hash}\n8 00")), 7);
        assert_eq!(last_whole_line(&format!("7 {hash}\n8 00\n")), 7);
        assert_eq!(last_whole_line(&format!("7 {hash}\n8 {}\n", "\0".repeat(64))), 7);
        assert_eq!(last_whole_line(&format!("cut off 0\n12 {hash}\n")), 12);
    }
}
