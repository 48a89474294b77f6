//! What this process is and where it lives, as the kernel tells it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde_json::{Value, json};

/// `status` and `mounts` are the kernel's own text; `writable` the mounts in which a file can be made; `processes` and
/// `sockets` what else is in sight.
pub(crate) fn make() -> io::Result<Value> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    let writable: Vec<_> = points.filter(|point| takes_a_file(Path::new(point))).collect();
    Ok(json!({
        "status": fs::read_to_string("/proc/self/status")?,
        "mounts": mounts,
        "writable": writable,
        "processes": processes()?,
        "sockets": sockets()?,
    }))
}

fn takes_a_file(folder: &Path) -> bool {
    let file = folder.join("made-by-the-agent");
    let made = File::create_new(&file).is_ok();
    // What couldn't be made needn't go.
    let _ = fs::remove_file(&file);
    made
}

fn processes() -> io::Result<Vec<String>> {
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| name.parse::<u32>().is_ok()).collect())
}

/// Sockets of the Unix kind with a name, abstract ones too.
fn sockets() -> io::Result<Vec<String>> {
    let table = fs::read_to_string("/proc/net/unix")?;
    let names = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(7));
    Ok(names.map(str::to_owned).collect())
}
