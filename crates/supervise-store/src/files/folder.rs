//! One directory of files that are written once: temporary name, sync, link, sync of the directory.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, fsync, linkat, openat, statat, unlinkat};
use rustix::io::Errno;
use uuid::Uuid;

use super::name::{IN, Name, OUT};
use crate::error::StoreError;
use crate::guard;

/// More names than any queue of ours has; the rest of a flooded directory is not looked at.
const MAX_NAMES: usize = 20_000;
/// How the names of files begin that aren't finished.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// Makes a queue's two directories, 0700, and what lies above them.
pub(crate) fn create(queue_dir: &Path) -> Result<(), StoreError> {
    guard::create_dir(queue_dir)?;
    guard::create_dir(&queue_dir.join(IN))?;
    guard::create_dir(&queue_dir.join(OUT)).map(|_| ())
}

/// Whether a file had to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrote {
    New,
    WasThere,
}

/// An open directory. What is read in it may be anything; what is written in it is only ever new.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a directory that is no link.
    pub(super) fn open(path: &Path) -> Result<Folder, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOTDIR | Errno::LOOP => StoreError::refused(path, "a symbolic link or no directory"),
            errno => StoreError::io(path, errno),
        })?;
        Ok(Folder {
            fd,
            path: path.to_owned(),
        })
    }

    /// Opens a directory that must be ours, and nobody else's to write.
    pub(super) fn open_own(path: &Path) -> Result<Folder, StoreError> {
        Ok(Folder {
            fd: guard::open_dir(path)?,
            path: path.to_owned(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the directory that is open is the one at its path.
    pub(super) fn is_in_place(&self) -> Result<bool, StoreError> {
        let now = Folder::open(&self.path)?;
        guard::is_same(&self.fd, &now.fd).map_err(|errno| self.error(errno))
    }

    /// The names that are ours, in no order. Temporary ones and foreign ones are left out.
    pub(super) fn names(&self) -> Result<Vec<Name>, StoreError> {
        // Opened anew, so that neither a position nor a cached listing is shared with an earlier look.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(&self.fd, ".", flags, Mode::empty()).map_err(|errno| self.error(errno))?;
        let mut names = Vec::new();
        for entry in Dir::new(fd).map_err(|errno| self.error(errno))?.take(MAX_NAMES) {
            let entry = entry.map_err(|errno| self.error(errno))?;
            names.extend(entry.file_name().to_str().ok().and_then(Name::read));
        }
        Ok(names)
    }

    /// What a file holds, at most `limit` bytes. `None`: there is none, or nothing that could be ours.
    pub(super) fn read(&self, name: Name, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        // Not blocking, or a FIFO would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match openat(&self.fd, name.to_string(), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
            Err(errno) => return Err(self.error(errno)),
        };
        let stat = fstat(&fd).map_err(|errno| self.error(errno))?;
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if !regular || stat.st_size as u64 > limit {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        // The size was of a moment ago.
        let read = File::from(fd)
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes);
        read.map_err(|error| StoreError::io(&self.path, error))?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }

    pub(super) fn has(&self, name: Name) -> Result<bool, StoreError> {
        match statat(&self.fd, name.to_string(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.error(errno)),
        }
    }

    /// When a file was written; long ago if that can't be told.
    pub(super) fn modified_at(&self, name: Name) -> SystemTime {
        let stat = statat(&self.fd, name.to_string(), AtFlags::SYMLINK_NOFOLLOW);
        let seconds = stat.map_or(0, |stat| u64::try_from(stat.st_mtime).unwrap_or(0));
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Writes a file under a name that wasn't used before, whole or not at all. It lasts once the directory is synced.
    pub(super) fn write(&self, name: Name, bytes: &[u8]) -> Result<Wrote, StoreError> {
        let temporary = format!("{TEMPORARY}{}", Uuid::new_v4());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        let fd = openat(&self.fd, &temporary, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| self.error(errno))?;
        let mut file = File::from(fd);
        let written = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(|error| StoreError::io(&self.path, error))
            .and_then(|()| self.link(&temporary, name));
        let _ = unlinkat(&self.fd, &temporary, AtFlags::empty());
        written
    }

    /// A link fails where the name is taken, so the first wins.
    fn link(&self, temporary: &str, name: Name) -> Result<Wrote, StoreError> {
        match linkat(&self.fd, temporary, &self.fd, name.to_string(), AtFlags::empty()) {
            Ok(()) => Ok(Wrote::New),
            Err(Errno::EXIST) => Ok(Wrote::WasThere),
            Err(errno) => Err(self.error(errno)),
        }
    }

    /// Makes an empty file, whose name is all it tells.
    pub(super) fn mark(&self, name: Name) -> Result<Wrote, StoreError> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        match openat(&self.fd, name.to_string(), flags, Mode::RUSR | Mode::WUSR) {
            Ok(_) => Ok(Wrote::New),
            Err(Errno::EXIST) => Ok(Wrote::WasThere),
            Err(errno) => Err(self.error(errno)),
        }
    }

    pub(super) fn remove(&self, name: Name) -> Result<(), StoreError> {
        match unlinkat(&self.fd, name.to_string(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.error(errno)),
        }
    }

    /// Removes what a crash left of files that were never finished. Only their own writer may, before it writes.
    pub(super) fn remove_unfinished(&self) -> Result<(), StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(&self.fd, ".", flags, Mode::empty()).map_err(|errno| self.error(errno))?;
        for entry in Dir::new(fd).map_err(|errno| self.error(errno))?.flatten() {
            if entry.file_name().to_bytes().starts_with(TEMPORARY.as_bytes()) {
                let _ = unlinkat(&self.fd, entry.file_name(), AtFlags::empty());
            }
        }
        Ok(())
    }

    /// Makes the names last.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        fsync(self.fd.as_fd()).map_err(|errno| self.error(errno))
    }

    fn error(&self, errno: Errno) -> StoreError {
        StoreError::io(&self.path, errno)
    }
}

/// Runs what waits for a disk away from the thread that serves everybody.
pub(super) async fn blocking<T: Send + 'static>(
    folder: &Arc<Folder>,
    work: impl FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let folder = Arc::clone(folder);
    let done = tokio::task::spawn_blocking(move || work(&folder)).await;
    done.map_err(|_| StoreError::Gone)?
}
