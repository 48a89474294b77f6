//! What a process is allowed to be, from the kernel's own text about it.

use super::check::equal;
use super::site::Account;
use crate::command::{Failed, say};

const NO_CAPABILITY: &str = "0000000000000000";

/// Texts of the form of `/proc/self/status` and `/proc/self/mountinfo`.
pub(super) struct Inside {
    pub(super) status: String,
    pub(super) mounts: String,
}

impl Inside {
    /// No capability, not root, nothing to gain, system calls filtered, and nothing mounted but what must be.
    pub(super) fn is_locked_down(
        &self,
        who: &str,
        account: Account,
        may_write: &[&str],
    ) -> Result<(), Failed> {
        for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            equal(
                &format!("{who}: {name}"),
                &self.field(name).as_str(),
                &NO_CAPABILITY,
            )?;
        }
        let four = |id: u32| [id.to_string(), id.to_string(), id.to_string(), id.to_string()].join(" ");
        equal(&format!("{who}: Uid"), &self.field("Uid"), &four(account.uid))?;
        equal(&format!("{who}: Gid"), &self.field("Gid"), &four(account.gid))?;
        equal(
            &format!("{who}: NoNewPrivs"),
            &self.field("NoNewPrivs").as_str(),
            &"1",
        )?;
        equal(&format!("{who}: Seccomp"), &self.field("Seccomp").as_str(), &"2")?;
        let disks = self.disks_written();
        let disks: Vec<_> = disks.iter().map(String::as_str).collect();
        equal(
            &format!("{who}: disks mounted read-write"),
            &disks.as_slice(),
            &may_write,
        )
    }

    /// Every mount as `point type options`, for the log.
    pub(super) fn show_mounts(&self, who: &str) {
        for mount in self.mounts.lines().filter_map(Mount::read) {
            say(&format!(
                "   {who}: {} {} {}",
                mount.point, mount.kind, mount.options
            ));
        }
    }

    fn field(&self, name: &str) -> String {
        let line = self
            .status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// What outlives the container: everything but the kernel's own views and memory.
    fn disks_written(&self) -> Vec<String> {
        self.mounts
            .lines()
            .filter_map(Mount::read)
            .filter(|mount| mount.options.split(',').any(|option| option == "rw") && !mount.is_kernels())
            .map(|mount| mount.point.to_owned())
            .collect()
    }
}

struct Mount<'a> {
    point: &'a str,
    options: &'a str,
    kind: &'a str,
}

impl<'a> Mount<'a> {
    /// <https://www.kernel.org/doc/html/latest/filesystems/proc.html>, section 3.5.
    fn read(line: &'a str) -> Option<Mount<'a>> {
        let (left, right) = line.split_once(" - ")?;
        let mut fields = left.split(' ').skip(4);
        Some(Mount {
            point: fields.next()?,
            options: fields.next()?,
            kind: right.split(' ').next()?,
        })
    }

    fn is_kernels(&self) -> bool {
        [
            "proc", "sysfs", "tmpfs", "devpts", "devtmpfs", "mqueue", "cgroup", "cgroup2",
        ]
        .contains(&self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_disks_that_can_be_written_count() {
        let inside = Inside {
            status: "CapEff:\t0000000000000000\nUid:\t7\t7\t7\t7\n".to_owned(),
            mounts: "77 50 0:40 / / ro,relatime - overlay overlay rw,lowerdir=/x\n\
                79 77 0:44 / /proc rw,nosuid - proc proc rw\n\
                81 77 254:0 /q /run/supervise/queue rw,relatime - ext4 /dev/vda rw\n"
                .to_owned(),
        };
        assert_eq!(inside.disks_written(), ["/run/supervise/queue"]);
        assert_eq!(inside.field("Uid"), "7 7 7 7");
    }
}
