//! One bottle's queue: opening it, and the handle on its task.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use supervise_core::{QUEUE_DB_FILENAME, SafeLine, Slug};

use crate::connection::{Access, Connection};
use crate::error::StoreError;
use crate::guard;
use crate::hold::Holds;
use crate::limits::RateWindow;
use crate::mount;
use crate::schema::QUEUE;
use crate::task::Db;
use crate::watch::{self, Watch};

/// A handle on one bottle's queue. Cloning is cheap; the connection closes with the last handle.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    slug: Slug,
    /// For the doorbell alone, where it is heard: should the directory be replaced, a bell that nobody hears costs a
    /// poll's delay.
    dir: Option<OwnedFd>,
    db: Db,
    holds: Arc<Holds>,
    rate: RateWindow,
    mount_warning: Option<String>,
}

impl Queue {
    /// Opens a queue to read and write, making the directory (0700) and the database (0600) if they are
    /// missing.
    pub async fn create(dir: &Path, slug: &Slug) -> Result<Queue, StoreError> {
        let path = dir.join(QUEUE_DB_FILENAME);
        let fd = guard::create_dir(dir)?;
        if !guard::check_database(&fd, &path)? {
            guard::create_database(&fd, &path)?;
        }
        Queue::start(dir, slug, fd, Access::ReadWrite).await
    }

    /// Opens an existing queue to read and write: to decide.
    pub async fn open(dir: &Path, slug: &Slug) -> Result<Queue, StoreError> {
        Queue::open_as(dir, slug, Access::ReadWrite).await
    }

    /// Opens an existing queue to read only: to list and show. Nothing can make this open write, except
    /// to roll back what a crashed writer left.
    pub async fn open_read_only(dir: &Path, slug: &Slug) -> Result<Queue, StoreError> {
        Queue::open_as(dir, slug, Access::ReadOnly).await
    }

    async fn open_as(dir: &Path, slug: &Slug, access: Access) -> Result<Queue, StoreError> {
        let path = dir.join(QUEUE_DB_FILENAME);
        let fd = guard::open_dir(dir)?;
        if !guard::check_database(&fd, &path)? {
            return Err(StoreError::Missing { path });
        }
        Queue::start(dir, slug, fd, access).await
    }

    async fn start(dir: &Path, slug: &Slug, fd: OwnedFd, access: Access) -> Result<Queue, StoreError> {
        let path = dir.join(QUEUE_DB_FILENAME);
        let connection = Connection::open(&fd, &path, &QUEUE, access).await?;
        Queue::start_on(connection, slug, Some(fd), access, mount::warning(dir)).await
    }

    /// Starts the task of an open connection; `fd` is the directory in which it rings.
    pub(crate) async fn start_on(
        mut connection: Connection,
        slug: &Slug,
        fd: Option<OwnedFd>,
        access: Access,
        mount_warning: Option<String>,
    ) -> Result<Queue, StoreError> {
        if !connection.tables.shared {
            return Err(StoreError::refused(
                connection.path(),
                "it has no supervise tables",
            ));
        }
        let holds = Arc::new(Holds::default());
        let watch = match access {
            Access::ReadWrite => Some(Watch::start(Arc::clone(&holds), &mut connection).await?),
            Access::Glance | Access::ReadOnly => None,
        };
        let db = Db::start(connection, watch);
        let queue = Queue(Arc::new(Inner {
            slug: slug.clone(),
            dir: fd,
            db,
            holds,
            rate: RateWindow::default(),
            mount_warning,
        }));
        if access == Access::ReadWrite {
            // Housekeeping that can wait must not keep the queue from opening.
            if let Err(error) = queue.delete_spent().await {
                tracing::warn!(error = %SafeLine::new(&error.to_string()), "what has had its time was not deleted");
            }
        }
        Ok(queue)
    }

    /// The bottle.
    pub fn slug(&self) -> &Slug {
        &self.0.slug
    }

    /// Set when the queue lies on a file system that two kernels may share, where SQLite isn't safe.
    pub fn mount_warning(&self) -> Option<String> {
        self.0.mount_warning.clone()
    }

    /// Whether the store still answers, on the file that lies where operators look.
    pub async fn check_health(&self) -> Result<(), StoreError> {
        self.db()
            .read(|connection| Box::pin(async { connection.data_version().await.map(|_| ()) }))
            .await
    }

    /// Ready once the store has ended: because something in it panicked, or because the last handle is gone.
    /// From then on every call fails with [`StoreError::Gone`], and only opening the queue again helps. The
    /// future is no handle.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.db().ended()
    }

    /// Makes the store's task panic, as a mistake in it would.
    #[cfg(feature = "failpoints")]
    #[doc(hidden)]
    pub async fn panic_in_task(&self) -> Result<(), StoreError> {
        self.db()
            .read(|_| Box::pin(async { panic!("a failpoint") }))
            .await
    }

    /// Approves a proposal as the other program does, with a row and nothing else.
    #[cfg(feature = "failpoints")]
    #[doc(hidden)]
    pub async fn respond_as_the_other_program(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        let insert = "INSERT INTO supervise_responses VALUES (?, 'approved', '', NULL, 0)";
        self.db()
            .write(move |connection| {
                Box::pin(async move {
                    sqlx::query(insert).bind(id).execute(&mut connection.sql).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Finishes what was asked before, and closes the connection if this is the last handle.
    pub async fn close(self) {
        // Jobs run in order, so this one ends behind all that were sent without waiting.
        let _ = self.db().read(|_| Box::pin(async { Ok(()) })).await;
        if let Some(inner) = Arc::into_inner(self.0) {
            inner.db.close().await;
        }
    }

    /// Wakes whoever watches this queue.
    pub(crate) fn ring(&self) {
        if let Some(dir) = &self.0.dir {
            watch::ring(dir);
        }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn holds(&self) -> &Arc<Holds> {
        &self.0.holds
    }

    pub(crate) fn rate(&self) -> &RateWindow {
        &self.0.rate
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("slug", &self.0.slug)
            .finish_non_exhaustive()
    }
}
