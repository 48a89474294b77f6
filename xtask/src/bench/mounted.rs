//! A queue's directory seen through a FUSE mount, as a bottle in a virtual machine sees it through virtiofs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::program::trouble;
use super::server::Ground;
use crate::command::{Failed, succeeds};

/// Unmounted when it goes.
pub(super) struct Mounted(PathBuf);

impl Mounted {
    /// `None` where the program that mounts isn't installed.
    pub(super) fn over(ground: &Ground) -> Result<Option<Mounted>, Failed> {
        if !succeeds(Command::new("bindfs").arg("--version")) {
            return Ok(None);
        }
        let (queue, point) = (ground.queue(), ground.root().join("mounted"));
        for dir in [queue.join("in"), queue.join("out"), point.clone()] {
            fs::create_dir_all(&dir).map_err(trouble("making a queue"))?;
        }
        if !succeeds(Command::new("bindfs").arg(&queue).arg(&point)) {
            return Err(Failed::new("bindfs can't mount here"));
        }
        Ok(Some(Mounted(point)))
    }

    pub(super) fn point(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let mut unmount = Command::new("fusermount");
        // Lazily: the server may still be on its way out.
        let _ = unmount.arg("-uz").arg(&self.0).stderr(Stdio::null()).status();
    }
}
