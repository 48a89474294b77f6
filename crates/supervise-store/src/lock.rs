//! One decision at a time in a bottle: a file lock that the kernel frees with a dead process.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, openat};
use supervise_core::Slug;

use crate::error::StoreError;
use crate::guard;

const RETRY_EVERY: Duration = Duration::from_millis(2);

/// The right to decide in one bottle, given back when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct BottleLock {
    slug: Slug,
    _file: Arc<File>,
}

impl BottleLock {
    /// The bottle.
    pub fn slug(&self) -> &Slug {
        &self.slug
    }

    pub(crate) fn try_take(path: &Path, slug: &Slug) -> Result<Option<BottleLock>, StoreError> {
        let file = open(path)?;
        Ok(try_lock(&file, path)?.then(|| BottleLock {
            slug: slug.clone(),
            _file: Arc::new(file),
        }))
    }

    pub(crate) async fn take(path: &Path, slug: &Slug, patience: Duration) -> Result<BottleLock, StoreError> {
        Ok(BottleLock {
            slug: slug.clone(),
            _file: Arc::new(lock(path, patience).await?),
        })
    }
}

/// Opens and locks a file of ours, waiting at most `patience`.
pub(crate) async fn lock(path: &Path, patience: Duration) -> Result<File, StoreError> {
    let file = open(path)?;
    let give_up = Instant::now() + patience;
    while !try_lock(&file, path)? {
        if Instant::now() >= give_up {
            return Err(StoreError::Busy);
        }
        tokio::time::sleep(RETRY_EVERY).await;
    }
    Ok(file)
}

/// Shares a file with others who only read it, waiting at most `patience` for whoever writes.
pub(crate) async fn share(file: &File, path: &Path, patience: Duration) -> Result<(), StoreError> {
    let give_up = Instant::now() + patience;
    while !taken(file.try_lock_shared(), path)? {
        if Instant::now() >= give_up {
            return Err(StoreError::Busy);
        }
        tokio::time::sleep(RETRY_EVERY).await;
    }
    Ok(())
}

fn open(path: &Path) -> Result<File, StoreError> {
    let parent = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    guard::create_dir(&parent)?;
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::APPEND | OFlags::CLOEXEC;
    let file =
        openat(CWD, path, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| StoreError::io(path, errno))?;
    Ok(File::from(file))
}

fn try_lock(file: &File, path: &Path) -> Result<bool, StoreError> {
    taken(file.try_lock(), path)
}

fn taken(tried: Result<(), TryLockError>, path: &Path) -> Result<bool, StoreError> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(StoreError::io(path, error)),
    }
}
