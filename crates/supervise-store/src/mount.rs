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

    /// Lines as they stand in `/proc/self/mountinfo` on such machines.
    #[test]
    fn real_mounts_are_told_apart() {
        let table = [
            (
                "25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard,errors=remount-ro",
                true,
            ),
            (
                "29 1 259:2 / / rw,noatime shared:1 - xfs /dev/nvme0n1p2 rw,attr2,inode64,logbufs=8,noquota",
                true,
            ),
            (
                "31 1 0:26 /root / rw,relatime shared:1 - btrfs /dev/sda2 rw,ssd,space_cache=v2,subvol=/root",
                true,
            ),
            (
                "26 1 0:23 / / rw,relatime shared:1 - zfs rpool/ROOT/ubuntu rw,xattr,posixacl",
                true,
            ),
            (
                "33 1 8:2 / / rw,lazytime - f2fs /dev/sda2 rw,background_gc=on",
                true,
            ),
            ("35 1 0:31 / / rw,relatime - bcachefs /dev/sdb rw", true),
            (
                "411 380 0:53 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X,upperdir=/u,workdir=/w",
                true,
            ),
            (
                "41 25 0:35 / / rw,nosuid,nodev - tmpfs tmpfs rw,size=3276800k,inode64",
                true,
            ),
            // Apple Container, Lima, microVMs.
            ("70 25 0:44 / / rw,relatime - virtiofs mount0 rw", false),
            (
                "71 25 0:45 / / rw,sync,dirsync,relatime - 9p share rw,access=client,msize=131072,trans=virtio",
                false,
            ),
            // Docker Desktop, by its versions.
            (
                "559 530 0:83 / / rw,relatime - fuse.grpcfuse grpcfuse rw,user_id=0,group_id=0,allow_other",
                false,
            ),
            ("560 530 0:84 / / rw,relatime - grpcfuse grpcfuse rw", false),
            (
                "721 690 0:97 /Users/ada / rw,relatime - fakeowner /run/host_mark/Users rw,fakeowner",
                false,
            ),
            (
                "82 25 0:49 / / rw,nosuid,nodev,relatime - fuse.sshfs ada@host:/home rw,user_id=1000",
                false,
            ),
            (
                "83 25 0:50 / / rw,nosuid,nodev,relatime - fuse /tmp/src rw,user_id=0,default_permissions",
                false,
            ),
            (
                "84 25 0:51 / / rw,relatime - nfs4 10.0.0.2:/export rw,vers=4.2,hard,proto=tcp",
                false,
            ),
            ("85 25 0:52 / / rw,relatime - nfs filer:/vol rw,vers=3", false),
            (
                "86 25 0:53 / / rw,relatime - cifs //filer/share rw,vers=3.1.1,cache=strict",
                false,
            ),
            ("87 25 0:54 / / rw,relatime - vboxsf share rw,nodev", false),
            ("88 25 0:55 / / rw,relatime - some-new-fs thing rw", false),
        ];
        for (line, local) in table {
            let kind = file_system(line, Path::new("/run/supervise/queue")).expect(line);
            assert_eq!(Mount::of_type(kind).is_local(), local, "{line}");
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
