//! Reading the anchor beside the chain, a line at a time. It is neither made nor changed by that.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Take};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

use crate::chain::Linked;
use crate::error::StoreError;
use crate::lock;
use crate::verify::Wrong;

const PATIENCE: Duration = Duration::from_secs(10);
/// More than the longest line.
const MAX_LINE_BYTES: u64 = 128;

/// The lines of an anchor, or of a copy of it that lies elsewhere.
#[derive(Debug)]
pub(crate) struct AnchorLines {
    path: PathBuf,
    reader: Take<BufReader<File>>,
    number: u64,
    /// Read, but not yet compared.
    next: Option<Vec<u8>>,
    last: Option<Linked>,
}

/// What the anchor says about a line of the chain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Same,
    /// It has ended before.
    Nothing,
}

impl AnchorLines {
    /// Opens it under a shared lock: nothing is appended until [`AnchorLines::settle`]. `None`: there is none.
    pub(crate) async fn open(path: &Path) -> Result<Option<AnchorLines>, StoreError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(CWD, path, flags, Mode::empty()).map_err(|errno| StoreError::io(path, errno))
        {
            Ok(file) => File::from(file),
            Err(StoreError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let stat = fstat(&file).map_err(|errno| StoreError::io(path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(StoreError::refused(path, "no regular file"));
        }
        lock::share(&file, path, PATIENCE).await?;
        Ok(Some(AnchorLines {
            path: path.to_owned(),
            reader: BufReader::new(file).take(0),
            number: 0,
            next: None,
            last: None,
        }))
    }

    /// Takes what is written now as the whole anchor, and lets others append to it again. Call it once the
    /// chain it is compared with can't grow any more.
    pub(crate) fn settle(&mut self) -> Result<(), StoreError> {
        let file = self.reader.get_ref().get_ref();
        let length = file
            .metadata()
            .and_then(|metadata| file.unlock().map(|()| metadata.len()))
            .map_err(|error| StoreError::io(&self.path, error))?;
        self.reader.set_limit(length);
        Ok(())
    }

    /// Compares the next line with the chain's.
    pub(crate) fn expect(&mut self, line: &Linked) -> Result<Result<Said, Wrong>, StoreError> {
        let expected = text(line);
        while let Some(found) = self.take_line()? {
            if found == expected {
                self.last = Some(line.clone());
                return Ok(Ok(Said::Same));
            }
            if !self.is_torn(&found, &expected) {
                let wrong = self.wrong(&found, line.id);
                self.next = Some(found);
                return Ok(Err(wrong));
            }
        }
        Ok(Ok(Said::Nothing))
    }

    /// Passes over the lines before `id`.
    pub(crate) fn skip_to(&mut self, id: i64) -> Result<(), StoreError> {
        while let Some(found) = self.take_line()? {
            if parse(&found).is_none_or(|found| found >= id) {
                self.next = Some(found);
                break;
            }
        }
        Ok(())
    }

    /// The next line, for which the chain has none: the entry it names, if it names one.
    pub(crate) fn surplus(&mut self) -> Result<Option<(Option<i64>, Wrong)>, StoreError> {
        while let Some(found) = self.take_line()? {
            if !self.is_repeated(&found) {
                return Ok(Some(match parse(&found) {
                    Some(id) => (Some(id), Wrong::AnchorAhead),
                    None => (None, Wrong::AnchorGarbage { line: self.number }),
                }));
            }
        }
        Ok(None)
    }

    /// A crash tears the line it is writing, which is then written again in full: what it left is a beginning
    /// of the line that follows, or the whole line before without its end. A loss of power leaves holes besides.
    fn is_torn(&self, found: &[u8], expected: &[u8]) -> bool {
        is_part(found, expected) || self.is_repeated(found)
    }

    fn is_repeated(&self, found: &[u8]) -> bool {
        self.last.as_ref().is_some_and(|last| text(last) == found)
    }

    fn wrong(&self, found: &[u8], expected_id: i64) -> Wrong {
        match parse(found) {
            None => Wrong::AnchorGarbage { line: self.number },
            Some(id) if id == expected_id => Wrong::AnchorDiffers,
            Some(_) => Wrong::AnchorLacks { line: self.number },
        }
    }

    fn take_line(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(line) = self.next.take() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let left = self.reader.limit();
        self.reader.set_limit(left.min(MAX_LINE_BYTES));
        let read = self.reader.read_until(b'\n', &mut line);
        let read = read.map_err(|error| StoreError::io(&self.path, error))?;
        self.reader.set_limit(left - read as u64);
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(Some(line))
    }
}

/// Whether it is a beginning of the line, but for sectors that were never written and read as zeros.
fn is_part(found: &[u8], line: &[u8]) -> bool {
    let same = |(found, line): (&u8, &u8)| *found == 0 || found == line;
    !found.is_empty() && found.len() <= line.len() && found.iter().zip(line).all(same)
}

/// The line that an append writes, without its end.
fn text(line: &Linked) -> Vec<u8> {
    format!("{} {}", line.id, line.hash).into_bytes()
}

/// The entry that a whole line is about.
fn parse(line: &[u8]) -> Option<i64> {
    let (id, hash) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { id.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_holes_is_part_of_the_whole_one() {
        for part in [&b"38 ab"[..], b"38 \0\0cd", b"\0\0\0abcd"] {
            assert!(is_part(part, b"38 abcd"), "{part:?}");
        }
        for other in [&b""[..], b"38 abce", b"39 \0\0cd", b"38 abcdef"] {
            assert!(!is_part(other, b"38 abcd"), "{other:?}");
        }
    }
}
