//! Where everything lies under the host root. Pure path arithmetic: nothing here touches the disk.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::ids::Slug;
use crate::tool::Component;

/// The queue directory as the container sees it.
pub const QUEUE_DIR_IN_CONTAINER: &str = "/run/supervise/queue";
/// Where an agent reads the Dockerfile it may propose to change.
pub const AGENT_DOCKERFILE: &str = "/etc/bot-bottle/current-config/Dockerfile";
/// The database's name inside a queue directory.
pub const QUEUE_DB_FILENAME: &str = "supervise.db";

/// The host root, `~/.bot-bottle` unless the operator says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// The root at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Root(path.into())
    }

    /// The root in a home directory.
    pub fn in_home(home: impl AsRef<Path>) -> Self {
        Root(home.as_ref().join(".bot-bottle"))
    }

    /// The root itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The directory that holds a queue directory for each bottle.
    pub fn queues_dir(&self) -> PathBuf {
        self.0.join("queue")
    }

    /// A bottle's queue directory.
    pub fn queue_dir(&self, slug: &Slug) -> PathBuf {
        self.queues_dir().join(slug)
    }

    /// Where the host keeps a bottle's history that shares no database with its host.
    pub fn history_dir(&self, slug: &Slug) -> PathBuf {
        self.0.join("history").join(slug)
    }

    /// Which bottle has which kind of queue.
    pub fn queues_file(&self) -> PathBuf {
        self.0.join("queues.toml")
    }

    /// A bottle's queue database.
    pub fn queue_db(&self, slug: &Slug) -> PathBuf {
        self.queue_dir(slug).join(QUEUE_DB_FILENAME)
    }

    /// The host's database: audit log and what the operator's program remembers.
    pub fn host_db(&self) -> PathBuf {
        self.0.join("bot-bottle.db")
    }

    /// The directory of exported audit logs and of the chain's anchor.
    pub fn audit_dir(&self) -> PathBuf {
        self.0.join("audit")
    }

    /// The audit log file of one component of one bottle.
    pub fn audit_log(&self, component: Component, slug: &Slug) -> PathBuf {
        self.audit_dir().join(format!("{component}-{slug}.log"))
    }

    /// The audit chain's anchor: a line per entry, outside the database.
    pub fn chain_log(&self) -> PathBuf {
        self.audit_dir().join("chain.log")
    }

    /// The directory of lock files.
    pub fn locks_dir(&self) -> PathBuf {
        self.0.join("locks")
    }

    /// The file whose lock makes one decision at a time in a bottle.
    pub fn bottle_lock(&self, slug: &Slug) -> PathBuf {
        self.locks_dir().join(format!("{slug}.lock"))
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.0.join("supervise.toml")
    }
}

/// What a launcher needs to put a sidecar beside an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The bottle.
    pub slug: String,
    /// The queue directory on the host, to be mounted at [`QUEUE_DIR_IN_CONTAINER`].
    pub queue_dir: PathBuf,
    /// The network both containers share; empty until the launcher fills it in.
    pub internal_network: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_lies_where_the_original_has_it() {
        let root = Root::in_home("/home/ada");
        let slug: Slug = "dev".parse().unwrap();
        let table = [
            (
                root.queue_db(&slug),
                "/home/ada/.bot-bottle/queue/dev/supervise.db",
            ),
            (root.host_db(), "/home/ada/.bot-bottle/bot-bottle.db"),
            (
                root.audit_log(Component::Egress, &slug),
                "/home/ada/.bot-bottle/audit/egress-dev.log",
            ),
            (root.bottle_lock(&slug), "/home/ada/.bot-bottle/locks/dev.lock"),
            (root.chain_log(), "/home/ada/.bot-bottle/audit/chain.log"),
            (root.config(), "/home/ada/.bot-bottle/supervise.toml"),
        ];
        for (path, expected) in table {
            assert_eq!(path, Path::new(expected));
        }
    }
}
