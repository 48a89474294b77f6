//! A small file system in memory, which can be filled and closed to writing; and what programs are started
//! through while something is wrong with the machine.

use std::cell::RefCell;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::machine::inject;
use super::scene::Scene;
use super::{Failed, Lift, Random};
use crate::torture::world::trouble;

const SIZE: &str = "size=3m";

pub(super) struct Volume {
    dir: tempfile::TempDir,
    prefix: RefCell<Vec<String>>,
}

impl Volume {
    pub(super) fn mount() -> Result<Volume, Failed> {
        let dir = tempfile::tempdir().map_err(trouble("making a mount point"))?;
        mount(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", SIZE, "torture"])
                .arg(dir.path()),
        )?;
        Ok(Volume {
            dir,
            prefix: RefCell::default(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The words before the operator's program.
    pub(super) fn prefix(&self) -> Vec<String> {
        self.prefix.borrow().clone()
    }

    pub(super) fn start_through(&self, words: &[&str]) {
        *self.prefix.borrow_mut() = words.iter().map(|word| (*word).to_owned()).collect();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Lazily: a program that was killed may not be quite gone.
        let _ = mount(Command::new("umount").arg("--lazy").arg(self.path()));
    }
}

fn mount(command: &mut Command) -> Result<(), Failed> {
    let output = command.output().map_err(trouble("mount"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failed::new(said))
}

/// Fills the disk to the last byte, or nearly.
pub(super) fn fill(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    let path = scene.volume.path().join("filler");
    let mut filler = fs::File::create(&path).map_err(trouble("filling the disk"))?;
    while filler.write_all(&[0; 4096]).is_ok() {}
    // Sometimes there is room for the beginning of a transaction.
    let left = 4096 * random.below(4) as u64;
    let length = filler.metadata().map_err(trouble("filling the disk"))?.len();
    filler
        .set_len(length.saturating_sub(left))
        .map_err(trouble("filling the disk"))?;
    Ok(Box::new(move |_| {
        fs::remove_file(&path).map_err(trouble("emptying the disk"))
    }))
}

/// A kernel that has lost its trust in a disk closes it under those who write to it. A mount that is in use can't
/// be closed like that by hand, so the running sidecar gets the same answers from strace.
pub(super) fn read_only(scene: &Scene, _: &mut Random) -> Result<Lift, Failed> {
    let here = scene.volume.path().to_owned();
    let inject = inject(scene, "pwrite64,ftruncate,unlink,fsync,fdatasync", "error=EROFS")?;
    // Another mount of it, read-only, on top for whoever opens anew.
    let target = here.display().to_string();
    let script =
        format!("mount --bind '{target}' '{target}' && mount -o remount,ro,bind '{target}' && exec \"$@\"");
    scene
        .volume
        .start_through(&["unshare", "--mount", "sh", "-c", &script, "sh"]);
    Ok(Box::new(move |scene| {
        scene.volume.start_through(&[]);
        inject(scene)
    }))
}
