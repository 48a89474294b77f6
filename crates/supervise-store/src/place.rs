//! Which kind of queue a bottle has: the one place where the kinds are told apart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use supervise_core::{QUEUE_DB_FILENAME, Slug};
use thiserror::Error;

use crate::connection::{Access, Connection};
use crate::error::StoreError;
use crate::files::{self, HostFiles};
use crate::guard;
use crate::inbox::Page;
use crate::line::Line;
use crate::mount::Mount;
use crate::queue::Queue;
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
}

impl Backend {
    /// The name in `queues.toml`, in the marker and before the colon of a queue's URL.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Sqlite => "sqlite",
            Backend::Files => "files",
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
pub struct Place {
    /// The bottle.
    pub slug: Slug,
    /// The queue's directory, which the bottle has mounted.
    pub dir: PathBuf,
    /// Which kind it is.
    pub backend: Backend,
    /// Where the host keeps what it must not share: the history of a queue of files.
    pub history: PathBuf,
}

impl Place {
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
        }
    }
}

impl Queue {
    /// Opens a queue on its host to read and write: to decide.
    pub async fn open_at(place: &Place) -> Result<Queue, StoreError> {
        match place.backend {
            Backend::Sqlite => Queue::open(&place.dir, &place.slug).await,
            Backend::Files => Queue::open_history(place).await,
        }
    }

    /// Opens a queue on its host to list and show.
    pub async fn read_at(place: &Place) -> Result<Queue, StoreError> {
        match place.backend {
            Backend::Sqlite => Queue::open_read_only(&place.dir, &place.slug).await,
            // What the bottle has told is first written down; no file of the bottle's is opened to write.
            Backend::Files => Queue::open_history(place).await,
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
        }
    }

    async fn open_history(place: &Place) -> Result<Queue, StoreError> {
        let fd = guard::create_dir(&place.history)?;
        let connection = open_history(place).await?;
        Queue::start_on(connection, &place.slug, fd, Access::ReadWrite, None).await
    }

    /// Opens the bottle's side of a queue, making what is missing.
    pub async fn connect(url: &QueueUrl, slug: &Slug) -> Result<Queue, StoreError> {
        match url {
            QueueUrl::Sqlite(dir) => Queue::create(dir, slug).await,
            QueueUrl::Files(dir) => {
                let connection = Connection::open_bottle_files(dir, slug).await?;
                let fd = guard::open_any_dir(connection.watched())?;
                Queue::start_on(connection, slug, fd, Access::ReadWrite, None).await
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

/// Where a bottle finds its queue: `sqlite:DIR` or `files:DIR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueUrl {
    /// One SQLite file in this directory.
    Sqlite(PathBuf),
    /// Files in this directory.
    Files(PathBuf),
}

/// A text that is no queue's URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "no kind of queue has this name; known are sqlite: and files:, each with a directory behind it or none"
)]
pub struct QueueUrlError;

impl QueueUrl {
    /// Reads a URL; one without a directory means `dir`.
    pub fn read(text: &str, dir: &Path) -> Result<QueueUrl, QueueUrlError> {
        let url: QueueUrl = text.parse()?;
        Ok(if url.dir().as_os_str().is_empty() {
            url.at(dir.to_owned())
        } else {
            url
        })
    }

    /// The queue in a directory, by the marker in it. One that is marked as SQLite's is refused where another kernel
    /// may have mounted it too.
    pub fn find(dir: &Path) -> Result<QueueUrl, StoreError> {
        let marked = match Backend::marked(dir) {
            // It is made with the queue.
            Err(StoreError::Missing { .. }) => None,
            other => other?,
        };
        match (marked, Mount::of(dir)) {
            (Some(Backend::Sqlite), Mount::Shared(kind)) => Err(StoreError::refused(
                dir,
                format!(
                    "it is marked sqlite and lies on '{kind}', which another kernel may have mounted too; \
                     on the host run `supervise prepare SLUG --queue files`, or go on all the same with \
                     SUPERVISE_QUEUE_URL=sqlite:"
                ),
            )),
            (marked, _) => Ok(QueueUrl::of(marked.unwrap_or(Backend::Sqlite), dir.to_owned())),
        }
    }

    /// The queue in a directory, of a given kind.
    pub fn of(backend: Backend, dir: PathBuf) -> QueueUrl {
        match backend {
            Backend::Sqlite => QueueUrl::Sqlite(dir),
            Backend::Files => QueueUrl::Files(dir),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        let (QueueUrl::Sqlite(dir) | QueueUrl::Files(dir)) = self;
        dir
    }

    /// Which kind it is.
    pub fn backend(&self) -> Backend {
        match self {
            QueueUrl::Sqlite(_) => Backend::Sqlite,
            QueueUrl::Files(_) => Backend::Files,
        }
    }

    fn at(self, dir: PathBuf) -> QueueUrl {
        QueueUrl::of(self.backend(), dir)
    }
}

impl FromStr for QueueUrl {
    type Err = QueueUrlError;

    fn from_str(text: &str) -> Result<Self, QueueUrlError> {
        let (kind, dir) = text.split_once(':').ok_or(QueueUrlError)?;
        let backend = Backend::from_name(kind).ok_or(QueueUrlError)?;
        Ok(QueueUrl::of(backend, PathBuf::from(dir)))
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.backend(), self.dir().display())
    }
}
