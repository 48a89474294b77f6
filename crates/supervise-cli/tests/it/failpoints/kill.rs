//! A program that is killed as it enters the n-th call of a kind.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;

use supervise_core::Root;

use crate::world::slug;

/// Set by `cargo xtask ci long`.
const STRACE: &str = "SUPERVISE_STRACE";

/// Which files a call must be about to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Lock,
    Queue,
    Host,
    Anchor,
    /// The file that is changed, and what lies beside it.
    Target,
    /// No file: processes, and whatever is written anywhere.
    Anywhere,
}

impl Place {
    pub(super) const ALL: [Place; 6] = [
        Place::Lock,
        Place::Queue,
        Place::Host,
        Place::Anchor,
        Place::Target,
        Place::Anywhere,
    ];

    pub(super) fn syscalls(self) -> &'static [&'static str] {
        match self {
            Place::Lock => &["openat", "flock"],
            Place::Queue => &["openat", "pwrite64", "fsync", "unlink", "utimensat"],
            Place::Host => &["openat", "pwrite64", "fsync", "unlink"],
            Place::Anchor => &["openat", "flock", "write", "fdatasync"],
            Place::Target => &[
                "openat", "flock", "fchmod", "fchown", "write", "fsync", "renameat", "unlinkat",
            ],
            Place::Anywhere => &["clone3", "pipe2", "waitid", "wait4", "exit_group"],
        }
    }

    fn paths(self, root: &Root) -> Vec<PathBuf> {
        let at = |names: &[&str]| names.iter().map(|name| root.path().join(name)).collect();
        match self {
            Place::Lock => at(&["locks/dev.lock"]),
            Place::Queue => {
                let dir = root.queue_dir(&slug("dev"));
                vec![dir.join("supervise.db"), dir.join("supervise.db-journal"), dir]
            }
            Place::Host => at(&["bot-bottle.db", "bot-bottle.db-journal"]),
            Place::Anchor => at(&["audit/chain.log"]),
            Place::Target => at(&[
                "egress/dev",
                "egress/dev/routes.yaml",
                "egress/dev/.routes.yaml.supervise-new",
                "bottles/dev",
                "bottles/dev/Dockerfile",
                "bottles/dev/.Dockerfile.supervise-new",
            ]),
            Place::Anywhere => Vec::new(),
        }
    }
}

/// A moment in a program's life. Each of its threads has a count of its own; the first to get there dies, and
/// the program with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) place: Place,
    pub(super) syscall: &'static str,
    pub(super) nth: u32,
}

impl Point {
    /// Runs `program` until it gets there. Returns its exit code, or `None` if it was killed.
    pub(super) fn run(self, program: &Command, root: &Root) -> Option<i32> {
        let strace = std::env::var_os(STRACE).unwrap_or_else(|| "/usr/bin/strace".into());
        let mut command = Command::new(strace);
        // Threads are followed; what the program starts is let go.
        command.args(["-f", "-b", "execve", "-qqq", "-o", "/dev/null"]);
        for path in self.place.paths(root) {
            command.arg("-P").arg(path);
        }
        let Point { syscall, nth, .. } = self;
        command.args(["-e", &format!("trace={syscall}")]);
        command.args(["-e", &format!("inject={syscall}:signal=KILL:when={nth}")]);
        command.arg(program.get_program()).args(program.get_args());
        command.env_clear().stdin(std::process::Stdio::null());
        command.envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let output = command.output().unwrap();
        match output.status.signal() {
            Some(9) => None,
            _ => Some(
                output
                    .status
                    .code()
                    .unwrap_or_else(|| panic!("{self:?}: {output:?}")),
            ),
        }
    }
}
