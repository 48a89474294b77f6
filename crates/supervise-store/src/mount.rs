//! Telling a local file system from one that two kernels may share.

use std::path::Path;

/// SQLite's locks hold on these; on everything else two kernels may each believe they hold the lock.
const LOCAL: [&str; 10] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "tmpfs", "overlay",
];

/// What a directory lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// A file system of this kernel alone, by its type.
    Local(String),
    /// One that another kernel may have mounted too, by its type, or of which nothing is known.
    Shared(String),
}

impl Mount {
    /// What `dir`, or the nearest directory above it that exists, lies on.
    pub fn of(dir: &Path) -> Mount {
        let existing = dir.ancestors().find_map(|dir| dir.canonicalize().ok());
        let table = std::fs::read_to_string("/proc/self/mountinfo").ok();
        let kind = table.and_then(|table| file_system(&table, &existing?));
        kind.map_or_else(
            || Mount::Shared("an unknown file system".to_owned()),
            Mount::of_type,
        )
    }

    fn of_type(kind: String) -> Mount {
        if LOCAL.contains(&kind.as_str()) {
            Mount::Local(kind)
        } else {
            Mount::Shared(kind)
        }
    }

    /// Whether SQLite's locks hold there.
    pub fn is_local(&self) -> bool {
        matches!(self, Mount::Local(_))
    }

    /// The type of the file system, as the kernel names it.
    pub fn file_system(&self) -> &str {
        let (Mount::Local(kind) | Mount::Shared(kind)) = self;
        kind
    }
}

/// A warning if the directory's mount is not a local file system.
pub(crate) fn warning(dir: &Path) -> Option<String> {
    // Where there is no such table, nothing is known and nothing is said.
    if !Path::new("/proc/self/mountinfo").exists() {
        return None;
    }
    match Mount::of(dir) {
        Mount::Local(_) => None,
        Mount::Shared(kind) => Some(format!(
            "the queue lies on '{kind}', which is not known to be local to this kernel: SQLite can lose or damage data there"
        )),
    }
}

/// The type of the file system that holds `path`, from a text in the form of `/proc/self/mountinfo`
/// (<https://www.kernel.org/doc/html/latest/filesystems/proc.html>, section 3.5).
fn file_system(table: &str, path: &Path) -> Option<String> {
    table
        .lines()
        .filter_map(mount)
        .filter(|(point, _)| path.starts_with(point))
        // Of two mounts on one point the later one hides the earlier.
        .max_by_key(|(point, _)| point.len())
        .map(|(_, kind)| kind)
}

fn mount(line: &str) -> Option<(String, String)> {
    let (left, right) = line.split_once(" - ")?;
    let point = left.split(' ').nth(4)?;
    // The kernel writes blanks and backslashes as octal.
    let point = point
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\");
    Some((point, right.split(' ').next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
        22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n\
        30 22 0:26 / /tmp rw - tmpfs tmpfs rw\n\
        40 22 0:40 / /run/host\\040mark ro - virtiofs share rw\n\
        41 40 0:41 / /run/host\\040mark/queue rw shared:1 - 9p share rw\n";

    #[test]
    fn the_innermost_mount_counts() {
        let table = [
            ("/home/ada", "ext4"),
            ("/tmp/x", "tmpfs"),
            ("/tmpx", "ext4"),
            ("/run/host mark", "virtiofs"),
            ("/run/host mark/queue/dev", "9p"),
        ];
        for (path, kind) in table {
            assert_eq!(
                file_system(TABLE, Path::new(path)).as_deref(),
                Some(kind),
                "{path}"
            );
        }
    }

    #[test]
    fn of_two_mounts_on_one_point_the_later_counts() {
        let table = format!("{TABLE}50 22 0:50 / /tmp rw - fuse.sshfs x rw\n");
        assert_eq!(
            file_system(&table, Path::new("/tmp/x")).as_deref(),
            Some("fuse.sshfs")
        );
    }
}
