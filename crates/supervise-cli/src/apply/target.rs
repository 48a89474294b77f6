//! A file that a decision changes: looked at without following anything, and replaced whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::trouble::{TargetError, Trouble};

const MAX_BYTES: u64 = 4 << 20;
/// Longer than a reload may take: another bottle's decision can be about the same file.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY_EVERY: Duration = Duration::from_millis(5);
const OTHERS_WRITE: u32 = 0o002;

/// Where the file lies. Its directory is what is locked, since bottles may share a file.
#[derive(Debug)]
pub(crate) struct Target {
    dir: File,
    name: OsString,
    path: PathBuf,
}

/// The file as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) text: String,
    mode: u32,
    gid: u32,
}

impl Target {
    /// Opens the file's directory. A link on the way to it must be the operator's own, and the directory itself
    /// must be none: who can turn a link chooses what is written.
    pub(crate) fn open(path: &Path) -> Result<Target, TargetError> {
        let says = |what| TargetError::new(path, what);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(says(Trouble::Refused("names no file")));
        };
        check_way(parent).map_err(says)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = openat(CWD, parent, flags, Mode::empty()).map_err(|errno| {
            says(match errno {
                Errno::NOENT => Trouble::NoDirectory,
                other => Trouble::Directory(other.into()),
            })
        })?;
        Ok(Target {
            dir: File::from(dir),
            name: name.to_owned(),
            path: path.to_owned(),
        })
    }

    /// Takes the file's directory until this is dropped.
    pub(crate) async fn lock(&self) -> Result<(), TargetError> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            match self.dir.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => {
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                Err(TryLockError::WouldBlock) => return Err(self.says(Trouble::Busy)),
                Err(TryLockError::Error(error)) => return Err(self.says(Trouble::Io(error))),
            }
        }
    }

    /// The file's text, or `None` where there is no file.
    pub(crate) fn read(&self) -> Result<Option<Live>, TargetError> {
        // Looked at before it is opened: opening a device can do something.
        match statat(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => check_file(&found).map_err(|what| self.says(what))?,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.io(errno)),
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.dir, &self.name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.io(errno)),
        };
        let found = rustix::fs::fstat(&file).map_err(|errno| self.io(errno))?;
        check_file(&found).map_err(|what| self.says(what))?;
        let mut text = String::new();
        match file.take(MAX_BYTES).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.says(Trouble::Refused("is not UTF-8 text")));
            }
            Err(error) => return Err(self.io(error)),
        }
        Ok(Some(Live {
            text,
            mode: found.st_mode & 0o7777,
            gid: found.st_gid,
        }))
    }

    /// Refuses what its owner has closed to writing, though a rename would get past that, and what somebody else
    /// could swap under our hands.
    pub(crate) fn check_writable(&self, live: Option<&Live>) -> Result<(), TargetError> {
        let dir = self.dir.metadata().map_err(|error| self.io(error))?;
        let refused = match () {
            () if dir.uid() != geteuid().as_raw() => {
                "its directory belongs to somebody else; make it yours with chown"
            }
            () if dir.mode() & 0o200 == 0 => "its directory is read-only; open it with chmod u+w",
            () if dir.mode() & OTHERS_WRITE != 0 => {
                "everybody can write its directory; close it with chmod o-w"
            }
            () if live.is_some_and(|live| live.mode & 0o200 == 0) => "is read-only; open it with chmod u+w",
            () if live.is_some_and(|live| live.mode & OTHERS_WRITE != 0) => {
                "everybody can write it; close it with chmod o-w"
            }
            () => return Ok(()),
        };
        Err(self.says(Trouble::Refused(refused)))
    }

    /// Makes what lies there last, though whoever put it there was stopped before it could.
    pub(crate) fn sync(&self) -> Result<(), TargetError> {
        self.dir.sync_all().map_err(|error| self.io(error))
    }

    /// Takes away what a crash left beside the file. It is ours: the directory is locked.
    pub(crate) fn sweep(&self) {
        let _ = unlinkat(&self.dir, self.beside(), AtFlags::empty());
    }

    /// Puts `text` in the place of what was read as `before`; `None` takes the file away.
    pub(crate) fn replace(&self, before: Option<&Live>, text: Option<&str>) -> Result<(), TargetError> {
        let done = match text {
            Some(text) => self.write(before, text),
            None => self.remove(before),
        };
        done.map_err(|error| self.io(error))
    }

    fn write(&self, before: Option<&Live>, text: &str) -> io::Result<()> {
        let new = self.beside();
        self.sweep();
        let written = self
            .write_new(&new, before, text)
            .and_then(|()| self.unchanged(before))
            .and_then(|()| Ok(renameat(&self.dir, &new, &self.dir, &self.name)?));
        if let Err(error) = written {
            self.sweep();
            return Err(error);
        }
        self.dir.sync_all()
    }

    fn write_new(&self, new: &OsStr, before: Option<&Live>, text: &str) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.dir, new, flags, Mode::RUSR | Mode::WUSR)?);
        if let Some(before) = before {
            // The group first: changing it may take bits of the mode away.
            if file.metadata()?.gid() != before.gid {
                rustix::fs::fchown(&file, None, Some(Gid::from_raw(before.gid)))?;
            }
            file.set_permissions(Permissions::from_mode(before.mode))?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// An editor takes no lock: what it saved meanwhile must not be lost.
    fn unchanged(&self, before: Option<&Live>) -> io::Result<()> {
        let same = self.read().is_ok_and(|now| now.as_ref() == before);
        same.then_some(())
            .ok_or_else(|| io::Error::other("was changed by somebody else meanwhile"))
    }

    fn remove(&self, before: Option<&Live>) -> io::Result<()> {
        self.unchanged(before)?;
        unlinkat(&self.dir, &self.name, AtFlags::empty())?;
        self.dir.sync_all()
    }

    fn beside(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(".supervise-new");
        name
    }

    fn says(&self, what: Trouble) -> TargetError {
        TargetError::new(&self.path, what)
    }

    fn io(&self, error: impl Into<io::Error>) -> TargetError {
        self.says(Trouble::Io(error.into()))
    }
}

/// A link in the way is followed only where nobody but us and the system could have put it.
fn check_way(dir: &Path) -> Result<(), Trouble> {
    for part in dir.ancestors().filter(|part| !part.as_os_str().is_empty()) {
        let found = match statat(CWD, part, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Err(Trouble::NoDirectory),
            Err(errno) => return Err(Trouble::Directory(errno.into())),
        };
        let link = FileType::from_raw_mode(found.st_mode) == FileType::Symlink;
        if link && part == dir {
            return Err(Trouble::Refused(
                "its directory is a symbolic link; name the real one in supervise.toml",
            ));
        }
        if link && found.st_uid != geteuid().as_raw() && found.st_uid != 0 {
            return Err(Trouble::Refused(
                "the way to it leads over somebody else's symbolic link",
            ));
        }
    }
    Ok(())
}

fn check_file(found: &Stat) -> Result<(), Trouble> {
    let kind = FileType::from_raw_mode(found.st_mode);
    let refused = match () {
        () if kind == FileType::Symlink => "is a symbolic link; name the real file in supervise.toml",
        () if kind == FileType::Directory => "is a directory",
        () if kind != FileType::RegularFile => "is not a regular file",
        () if found.st_uid != geteuid().as_raw() => "belongs to somebody else; make it yours with chown",
        () if found.st_nlink > 1 => "has another name (a hard link), which a new file would leave behind",
        () if u64::try_from(found.st_size).is_ok_and(|size| size > MAX_BYTES) => "is over 4 MiB",
        () => return Ok(()),
    };
    Err(Trouble::Refused(refused))
}
