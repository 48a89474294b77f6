//! The operator's side of a host: its database, and the locks.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use supervise_core::{Root, Slug};

use crate::connection::{Access, Connection};
use crate::error::StoreError;
use crate::guard;
use crate::lock::BottleLock;
use crate::schema::{HOST, Tables};
use crate::task::Db;

/// Longer than any decision takes that runs no command.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// A handle on `bot-bottle.db` and the locks under one root. Cloning is cheap.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    root: Root,
    db: Db,
    /// As found when opened: a file of the other program that is only read lacks our tables.
    tables: Tables,
}

impl Host {
    /// Opens the host's database to read and write, making the root (0700) and the file (0600) if they are
    /// missing.
    pub async fn create(root: &Root) -> Result<Host, StoreError> {
        let path = root.host_db();
        let dir = guard::create_dir(root.path())?;
        if !guard::check_database(&dir, &path)? {
            guard::create_database(&dir, &path)?;
        }
        Host::start(root, &dir, Access::ReadWrite).await
    }

    /// Opens the host's database to read only. `None`: there is none yet.
    pub async fn open_read_only(root: &Root) -> Result<Option<Host>, StoreError> {
        let dir = match guard::open_dir(root.path()) {
            Ok(dir) => dir,
            Err(StoreError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !guard::check_database(&dir, &root.host_db())? {
            return Ok(None);
        }
        Host::start(root, &dir, Access::ReadOnly).await.map(Some)
    }

    async fn start(root: &Root, dir: &OwnedFd, access: Access) -> Result<Host, StoreError> {
        let connection = Connection::open(dir, &root.host_db(), &HOST, access).await?;
        let tables = connection.tables;
        let db = Db::start(connection, None);
        Ok(Host(Arc::new(Inner {
            root: root.clone(),
            db,
            tables,
        })))
    }

    /// The root.
    pub fn root(&self) -> &Root {
        &self.0.root
    }

    /// Takes the right to decide in a bottle, waiting up to 30 seconds for another operator's program.
    pub async fn bottle_lock(&self, slug: &Slug) -> Result<BottleLock, StoreError> {
        BottleLock::take(&self.root().bottle_lock(slug), slug, LOCK_PATIENCE).await
    }

    /// Takes the right to decide in a bottle if nobody has it.
    pub fn bottle_try_lock(&self, slug: &Slug) -> Result<Option<BottleLock>, StoreError> {
        BottleLock::try_take(&self.root().bottle_lock(slug), slug)
    }

    /// Finishes what was asked and closes the connection, if this is the last handle.
    pub async fn close(self) {
        if let Some(inner) = Arc::into_inner(self.0) {
            inner.db.close().await;
        }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn tables(&self) -> Tables {
        self.0.tables
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("root", self.root())
            .finish_non_exhaustive()
    }
}
