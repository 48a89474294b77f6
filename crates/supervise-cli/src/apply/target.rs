//! A file that a decision changes: looked at without following anything, and replaced whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

const MAX_BYTES: u64 = 4 << 20;
/// Longer than a reload may take: another bottle's decision can be about the same file.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY_EVERY: Duration = Duration::from_millis(5);

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
    /// Takes the file's directory until this is dropped.
    pub(crate) async fn lock(&self) -> Result<(), String> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            match self.dir.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => {
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(self.says("another decision is changing files in its directory"));
                }
                Err(TryLockError::Error(error)) => return Err(self.says(error)),
            }
        }
    }

    /// Opens the file's directory. What is refused here and below is said in words for the operator.
    pub(crate) fn open(path: &Path) -> Result<Target, String> {
        let says = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(says(&"names no file"));
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(CWD, parent, flags, Mode::empty())
            .map(File::from)
            .map_err(|errno| says(&format_args!("its directory can't be opened: {errno}")))?;
        Ok(Target {
            dir,
            name: name.to_owned(),
            path: path.to_owned(),
        })
    }

    /// The file's text, or `None` where there is no file.
    pub(crate) fn read(&self) -> Result<Option<Live>, String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.dir, &self.name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(self.says("is a symbolic link")),
            Err(errno) => return Err(self.says(errno)),
        };
        let found = file.metadata().map_err(|error| self.says(error))?;
        let refused = match () {
            () if found.is_dir() => Some("is a directory"),
            () if !found.is_file() => Some("is not a regular file"),
            () if found.uid() != geteuid().as_raw() => Some("belongs to somebody else"),
            () if found.len() > MAX_BYTES => Some("is over 4 MiB"),
            () => None,
        };
        if let Some(why) = refused {
            return Err(self.says(why));
        }
        let mut text = String::new();
        file.take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| self.says(error))?;
        Ok(Some(Live {
            text,
            mode: found.mode() & 0o7777,
            gid: found.gid(),
        }))
    }

    /// Refuses what its owner has closed to writing, though a rename would get past that.
    pub(crate) fn check_writable(&self, live: Option<&Live>) -> Result<(), String> {
        let dir = self.dir.metadata().map_err(|error| self.says(error))?;
        if dir.uid() != geteuid().as_raw() {
            return Err(self.says("its directory belongs to somebody else"));
        }
        if dir.mode() & 0o200 == 0 {
            return Err(self.says("its directory is read-only"));
        }
        if live.is_some_and(|live| live.mode & 0o200 == 0) {
            return Err(self.says("is read-only"));
        }
        Ok(())
    }

    /// Puts `text` in the place of what was read as `before`; `None` takes the file away.
    pub(crate) fn replace(&self, before: Option<&Live>, text: Option<&str>) -> Result<(), String> {
        let done = match text {
            Some(text) => self.write(before, text),
            None => self.remove(before),
        };
        done.map_err(|error| self.says(error))
    }

    fn write(&self, before: Option<&Live>, text: &str) -> io::Result<()> {
        let new = self.beside();
        // What a crash left here is ours: the directory is locked.
        let _ = unlinkat(&self.dir, &new, AtFlags::empty());
        let written = self
            .write_new(&new, before, text)
            .and_then(|()| self.unchanged(before))
            .and_then(|()| Ok(renameat(&self.dir, &new, &self.dir, &self.name)?));
        if let Err(error) = written {
            let _ = unlinkat(&self.dir, &new, AtFlags::empty());
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

    fn says(&self, what: impl std::fmt::Display) -> String {
        format!("{}: {what}", self.path.display())
    }
}
