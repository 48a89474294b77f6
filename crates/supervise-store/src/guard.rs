//! What must hold before a database file is opened.
//!
//! A peer who can write the directory could plant a link, or a journal that makes the next opener delete
//! any file, so nothing is opened before each name has been looked at without following links. The look
//! and the open are two moments; the operator's program therefore lists read-only and opens read-write
//! only to decide.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, fchmod, fstat, fsync, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::error::StoreError;

const SIDE_FILES: [&str; 3] = ["-journal", "-wal", "-shm"];
/// `queue/<slug>` under the root.
const LEVELS_OF_A_BOTTLE: usize = 2;
const MAX_FILE_BYTES: u64 = 16 << 30;
/// The tail of a journal that names a super-journal, which SQLite before 3.54 deletes unseen.
const SUPER_JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Opens a directory that is ours, narrowing its mode to 0700 through the descriptor.
pub(crate) fn open_dir(path: &Path) -> Result<OwnedFd, StoreError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = openat(CWD, path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOTDIR | Errno::LOOP => StoreError::refused(path, "a symbolic link or no directory"),
        errno => StoreError::io(path, errno),
    })?;
    let stat = fstat(&dir).map_err(|errno| StoreError::io(path, errno))?;
    if stat.st_uid != geteuid().as_raw() {
        return Err(StoreError::refused(
            path,
            format!("it belongs to user {}, not to us", stat.st_uid),
        ));
    }
    if stat.st_mode & 0o077 != 0 {
        fchmod(&dir, Mode::RWXU).map_err(|errno| StoreError::io(path, errno))?;
    }
    Ok(dir)
}

/// What a small file in a directory holds. `None`: there is none, or nothing that could be ours.
pub(crate) fn read_small(dir: &Path, name: &str, limit: u64) -> Result<Option<String>, StoreError> {
    let path = dir.join(name);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(CWD, &path, flags, Mode::empty()) {
        Ok(file) => std::fs::File::from(file),
        // Where there is no directory, whoever opens the queue says so.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO) => return Ok(None),
        Err(errno) => return Err(StoreError::io(&path, errno)),
    };
    let stat = fstat(&file).map_err(|errno| StoreError::io(&path, errno))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let mut text = String::new();
    match file.take(limit).read_to_string(&mut text) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(StoreError::io(&path, error)),
    }
}

/// Puts a small file in the place of whatever has its name: written beside, synced, renamed.
pub(crate) fn write_small(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    use std::io::Write as _;
    let (path, fd) = (dir.join(name), open_dir(dir)?);
    let temporary = format!(".{name}.{}", uuid::Uuid::new_v4());
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat(&fd, &temporary, flags, Mode::RUSR | Mode::WUSR);
    let mut file = file
        .map(std::fs::File::from)
        .map_err(|errno| StoreError::io(&path, errno))?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|error| StoreError::io(&path, error))
        .and_then(|()| renameat(&fd, &temporary, &fd, name).map_err(|errno| StoreError::io(&path, errno)));
    if written.is_err() {
        let _ = unlinkat(&fd, &temporary, AtFlags::empty());
    }
    written?;
    fsync(&fd).map_err(|errno| StoreError::io(&path, errno))
}

/// Makes a directory and those above it, 0700 each, and opens it. Their names outlast a loss of power.
pub(crate) fn create_dir(path: &Path) -> Result<OwnedFd, StoreError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let missing = path.ancestors().take_while(|dir| !dir.exists()).count();
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| StoreError::io(path, error))?;
    let dir = open_dir(path)?;
    sync_above(&dir, path, missing)?;
    Ok(dir)
}

/// Syncs the `levels` directories above: a new name lasts only when the directory that holds it was synced.
fn sync_above(dir: &OwnedFd, path: &Path, levels: usize) -> Result<(), StoreError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut above = "..".to_owned();
    for _ in 0..levels {
        let parent = openat(dir, &above, flags, Mode::empty());
        parent
            .and_then(fsync)
            .map_err(|errno| StoreError::io(path, errno))?;
        above.push_str("/..");
    }
    Ok(())
}

/// Looks at a database and its side files. Returns whether the database is there.
pub(crate) fn check_database(dir: &OwnedFd, path: &Path) -> Result<bool, StoreError> {
    let name = file_name(path)?;
    for suffix in SIDE_FILES {
        let side = path.with_file_name(format!("{name}{suffix}"));
        if check_file(dir, &side)?.is_some() && suffix == "-journal" {
            check_journal(dir, &side)?;
        }
    }
    Ok(check_file(dir, path)?.is_some())
}

/// Creates an empty database file, 0600, unless it is there.
pub(crate) fn create_database(dir: &OwnedFd, path: &Path) -> Result<(), StoreError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
    match openat(dir, file_name(path)?, flags, Mode::RUSR | Mode::WUSR) {
        Ok(_) => sync_new(dir, path),
        Err(Errno::EXIST) => check_file(dir, path).map(|_| ()),
        Err(errno) => Err(StoreError::io(path, errno)),
    }
}

/// Makes the name of a new file last, and those of the directories that whoever prepares bottles has made.
fn sync_new(dir: &OwnedFd, path: &Path) -> Result<(), StoreError> {
    fsync(dir).map_err(|errno| StoreError::io(path, errno))?;
    // Above a mounted directory lies what may not be read, and is not ours to keep.
    let _ = sync_above(dir, path, LEVELS_OF_A_BOTTLE);
    Ok(())
}

/// Makes the name of a file last that lies in a directory of ours.
pub(crate) fn sync_name(path: &Path) -> Result<(), StoreError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let dir = open_dir(parent)?;
    fsync(&dir).map_err(|errno| StoreError::io(path, errno))
}

/// What tells one file from another of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

/// Which file lies at `path` now.
pub(crate) fn identity(dir: &OwnedFd, path: &Path) -> Result<Identity, StoreError> {
    let stat = statat(dir, file_name(path)?, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| StoreError::io(path, errno))?;
    Ok(Identity(stat.st_dev as u64, stat.st_ino as u64))
}

/// Whether two descriptors are of one directory.
pub(crate) fn is_same(one: &OwnedFd, other: &OwnedFd) -> Result<bool, Errno> {
    let (one, other) = (fstat(one)?, fstat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

fn check_file(dir: &OwnedFd, path: &Path) -> Result<Option<Stat>, StoreError> {
    let stat = match statat(dir, file_name(path)?, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(StoreError::io(path, errno)),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => return Err(StoreError::refused(path, "a symbolic link")),
        other => {
            return Err(StoreError::refused(
                path,
                format!("no regular file but {other:?}"),
            ));
        }
    }
    if stat.st_nlink == 0 {
        // Found and deleted in one moment: another program's transaction has just ended.
        return Ok(None);
    }
    if stat.st_nlink != 1 {
        return Err(StoreError::refused(
            path,
            format!("it has {} hard links", stat.st_nlink),
        ));
    }
    if stat.st_uid != geteuid().as_raw() {
        return Err(StoreError::refused(
            path,
            format!("it belongs to user {}, not to us", stat.st_uid),
        ));
    }
    if stat.st_size as u64 > MAX_FILE_BYTES {
        return Err(StoreError::refused(
            path,
            format!("it has {} bytes", stat.st_size),
        ));
    }
    Ok(Some(stat))
}

fn check_journal(dir: &OwnedFd, path: &Path) -> Result<(), StoreError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(dir.as_fd(), file_name(path)?, flags, Mode::empty()) {
        Ok(file) => std::fs::File::from(file),
        // Gone again: another program's transaction has just ended.
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(StoreError::io(path, errno)),
    };
    if tail(file).map_err(|error| StoreError::io(path, error))? == Some(SUPER_JOURNAL_MAGIC) {
        return Err(StoreError::refused(
            path,
            "a planted journal: it names another file to delete",
        ));
    }
    Ok(())
}

fn tail(mut file: std::fs::File) -> std::io::Result<Option<[u8; 8]>> {
    use std::io::Seek as _;
    let mut last = [0; 8];
    if file.metadata()?.len() < 8 {
        return Ok(None);
    }
    file.seek(std::io::SeekFrom::End(-8))?;
    match file.read_exact(&mut last) {
        Ok(()) => Ok(Some(last)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn file_name(path: &Path) -> Result<&str, StoreError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| StoreError::refused(path, "its name isn't UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_journal_that_comes_and_goes_is_no_planted_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("supervise.db");
        let journal = folder.path().join("supervise.db-journal");
        let dir = open_dir(folder.path()).unwrap();
        create_database(&dir, &path).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    fs::write(&journal, "").unwrap();
                    fs::remove_file(&journal).unwrap();
                }
            });
            let looked = (0..100_000).try_for_each(|_| check_database(&dir, &path).map(|_| ()));
            done.store(true, Ordering::Relaxed);
            looked.unwrap();
        });
    }
}
