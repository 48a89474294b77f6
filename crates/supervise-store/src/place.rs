//! Which kind of queue a bottle has: the one place where the kinds are told apart.

use std::fmt;
use std::path::{Path, PathBuf};

use supervise_core::{QUEUE_DB_FILENAME, Root, Slug};

use crate::connection::{Access, Connection};
use crate::error::StoreError;
use crate::files::{self, HostFiles};
#[cfg(feature = "postgres")]
use crate::fleet::FleetUrl;
use crate::guard;
use crate::inbox::Page;
use crate::line::Line;
use crate::queue::Queue;
use crate::queue_url::QueueUrl;
use crate::schema::QUEUE;

/// The name of the file in a queue's directory that tells the bottle which kind it is.
const MARKER: &str = "backend";
const MAX_MARKER_BYTES: u64 = 64;

/// How a bottle and its host share a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// One SQLite file, where both are on one kernel.
    Sqlite,
    /// Files that are written once, where two kernels share a mount, or the bottle must not write answers.
    Files,
    /// A fleet's PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres,
}

impl Backend {
    /// The name in `queues.toml`, in the marker and before the colon of a queue's URL.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Sqlite => "sqlite",
            Backend::Files => "files",
            #[cfg(feature = "postgres")]
            Backend::Postgres => "postgres",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Backend> {
        [Backend::Sqlite, Backend::Files]
            .into_iter()
            .find(|backend| backend.name() == name)
    }

    /// What the marker in a queue's directory says; `None` where there is none, or one that says nothing known.
    pub fn marked(queue_dir: &Path) -> Result<Option<Backend>, StoreError> {
        let text = guard::read_small(queue_dir, MARKER, MAX_MARKER_BYTES)?;
        Ok(text.and_then(|text| Backend::from_name(text.trim())))
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where the host finds a bottle's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The bottle.
    pub slug: Slug,
    /// The queue's directory, which the bottle has mounted.
    pub dir: PathBuf,
    /// Which kind it is.
    pub backend: Backend,
    /// Where the host keeps what it must not share: the history of a queue of files.
    pub history: PathBuf,
    /// The database of the fleet that the bottle belongs to.
    #[cfg(feature = "postgres")]
    pub fleet: Option<FleetUrl>,
}

impl Place {
    /// A bottle's place under a root.
    pub fn new(root: &Root, slug: &Slug, backend: Backend) -> Place {
        Place {
            slug: slug.clone(),
            dir: root.queue_dir(slug),
            backend,
            history: root.history_dir(slug),
            #[cfg(feature = "postgres")]
            fleet: None,
        }
    }

    /// The place of a bottle in a fleet.
    #[cfg(feature = "postgres")]
    pub fn in_fleet(root: &Root, slug: &Slug, url: &FleetUrl) -> Place {
        Place {
            fleet: Some(url.clone()),
            ..Place::new(root, slug, Backend::Postgres)
        }
    }

    /// Makes the directories, the database or its history, and the marker for the bottle.
    pub fn prepare(&self) -> Result<(), StoreError> {
        guard::create_dir(&self.dir)?;
        if self.backend == Backend::Files {
            files::create(&self.dir)?;
            guard::create_dir(&self.history)?;
        }
        guard::write_small(&self.dir, MARKER, self.backend.name().as_bytes())
    }

    /// The database that the host writes for this queue.
    pub fn database(&self) -> PathBuf {
        match self.backend {
            Backend::Sqlite => self.dir.join(QUEUE_DB_FILENAME),
            Backend::Files => self.history.join(QUEUE_DB_FILENAME),
            // There is none; the path says what it is about.
            #[cfg(feature = "postgres")]
            Backend::Postgres => self.history.join(QUEUE_DB_FILENAME),
        }
    }

    #[cfg(feature = "postgres")]
    fn fleet(&self) -> Result<&FleetUrl, StoreError> {
        self.fleet.as_ref().ok_or_else(|| {
            StoreError::refused(
                &self.dir,
                "no fleet is named: `supervise fleet init` does, in queues.toml",
            )
        })
    }
}

impl Queue {
    /// Opens a queue on its host to read and write: to decide.
    pub async fn open_at(place: &Place) -> Result<Queue, StoreError> {
        match place.backend {
            Backend::Sqlite => Queue::open(&place.dir, &place.slug).await,
            Backend::Files => Queue::open_history(place).await,
            #[cfg(feature = "postgres")]
            Backend::Postgres => Queue::open_fleet(place).await,
        }
    }

    #[cfg(feature = "postgres")]
    async fn open_fleet(place: &Place) -> Result<Queue, StoreError> {
        let connection = Connection::open_operator_fleet(place.fleet()?, &place.slug).await?;
        Queue::start_on(connection, &place.slug, None, Access::ReadWrite, None).await
    }

    /// Opens a queue on its host to list and show.
    pub async fn read_at(place: &Place) -> Result<Queue, StoreError> {
        match place.backend {
            Backend::Sqlite => Queue::open_read_only(&place.dir, &place.slug).await,
            // What the bottle has told is first written down; no file of the bottle's is opened to write.
            Backend::Files => Queue::open_history(place).await,
            #[cfg(feature = "postgres")]
            Backend::Postgres => Queue::open_fleet(place).await,
        }
    }

    /// Opens a queue on its host to queue in it, making what is missing.
    pub async fn create_at(place: &Place) -> Result<Queue, StoreError> {
        match place.backend {
            Backend::Sqlite => Queue::create(&place.dir, &place.slug).await,
            Backend::Files => {
                files::create(&place.dir)?;
                Queue::open_history(place).await
            }
            #[cfg(feature = "postgres")]
            Backend::Postgres => Queue::open_fleet(place).await,
        }
    }

    /// The pending proposals of a bottle whose queue is opened for this one look.
    pub async fn page_at(place: &Place) -> Result<Page, StoreError> {
        match place.backend {
            Backend::Sqlite => Queue::page_of(&place.dir, &place.slug).await,
            Backend::Files => {
                let mut connection = open_history(place).await?;
                connection.take_in().await?;
                connection.begin_read().await?;
                Queue::page_in(connection, &place.slug).await
            }
            #[cfg(feature = "postgres")]
            Backend::Postgres => {
                let connection = Connection::open_operator_fleet(place.fleet()?, &place.slug).await?;
                Queue::page_in(connection, &place.slug).await
            }
        }
    }

    async fn open_history(place: &Place) -> Result<Queue, StoreError> {
        let fd = guard::create_dir(&place.history)?;
        let connection = open_history(place).await?;
        Queue::start_on(connection, &place.slug, Some(fd), Access::ReadWrite, None).await
    }

    /// Opens the bottle's side of a queue, making what is missing.
    pub async fn connect(url: &QueueUrl, slug: &Slug) -> Result<Queue, StoreError> {
        match url {
            QueueUrl::Sqlite(dir) => Queue::create(dir, slug).await,
            QueueUrl::Files(dir) => {
                let connection = Connection::open_bottle_files(dir, slug).await?;
                Queue::start_on(connection, slug, None, Access::ReadWrite, None).await
            }
            #[cfg(feature = "postgres")]
            QueueUrl::Postgres(url) => {
                let connection = Connection::open_bottle_fleet(url, slug).await?;
                Queue::start_on(connection, slug, None, Access::ReadWrite, None).await
            }
        }
    }
}

async fn open_history(place: &Place) -> Result<Connection, StoreError> {
    let files = HostFiles::open(&place.dir, &place.slug)?;
    let path = place.database();
    let fd = guard::create_dir(&place.history)?;
    if !guard::check_database(&fd, &path)? {
        guard::create_database(&fd, &path)?;
    }
    let mut connection = Connection::open(&fd, &path, &QUEUE, Access::ReadWrite).await?;
    connection.line = Some(Line::HostFiles(files));
    Ok(connection)
}
