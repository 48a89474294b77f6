//! One connection to one database, opened the same careful way everywhere.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use crate::error::StoreError;
use crate::guard::{self, Identity};
use crate::line::{Line, Note};
use crate::schema::{QUEUE, Schema, Tables};

/// A commit takes about a millisecond, so the first tries follow at once.
const QUICK_TRIES: u32 = 10;
const TRY_EVERY: Duration = Duration::from_millis(1);
const STATEMENT_LIMIT: Duration = Duration::from_secs(2);
/// SQLite asks once per so many virtual-machine steps whether to go on; this is some tens of microseconds.
const PROGRESS_STEPS: i32 = 10_000;

/// SQLite's name for a database that only its connection sees.
const IN_MEMORY: &str = ":memory:";

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read-only and in a hurry: one of many bottles in a list.
    Glance,
    ReadOnly,
    ReadWrite,
}

impl Access {
    /// How long a lock of another program is waited for. SQLite's own busy handler is off: it would sleep on
    /// the connection's thread, and the news that are waited for would wait behind it.
    fn patience(self) -> Duration {
        match self {
            // `list` gives each bottle a quarter of a second.
            Access::Glance => Duration::from_millis(150),
            Access::ReadOnly => Duration::from_millis(1500),
            Access::ReadWrite => Duration::from_secs(5),
        }
    }
}

/// A connection whose schema has been checked.
pub(crate) struct Connection {
    pub(crate) sql: SqliteConnection,
    /// Which of our side tables are there; a file of the other program has none.
    pub(crate) tables: Tables,
    path: PathBuf,
    home: Option<Home>,
    schema: &'static Schema,
    schema_version: i64,
    clock: StatementClock,
    access: Access,
    /// Where the other side has tables of its own: the way to it.
    pub(crate) line: Option<Line>,
    /// What is told once the transaction commits.
    pub(crate) outbox: Vec<Note>,
}

/// Where the open file was found. Both are held open, so no other can get their numbers.
struct Home {
    dir: OwnedFd,
    file: Identity,
}

impl Home {
    fn of(dir: &OwnedFd, path: &Path) -> Result<Home, StoreError> {
        let file = guard::identity(dir, path)?;
        let dir = dir.try_clone().map_err(|error| StoreError::io(path, error))?;
        Ok(Home { dir, file })
    }
}

/// Waiting for another program's lock, first by asking again at once, then by sleeping.
struct Patience {
    until: Instant,
    tries: u32,
}

impl Patience {
    fn of(patience: Duration) -> Patience {
        Patience {
            until: Instant::now() + patience,
            tries: 0,
        }
    }

    /// False once it is used up.
    async fn wait(&mut self) -> bool {
        self.tries += 1;
        if self.tries <= QUICK_TRIES {
            tokio::task::yield_now().await;
            return true;
        }
        tokio::time::sleep(TRY_EVERY).await;
        Instant::now() < self.until
    }
}

/// The moment at which the progress handler stops the running statement, in milliseconds since `base`.
#[derive(Clone)]
struct StatementClock {
    base: Instant,
    stop_at: Arc<AtomicU64>,
}

impl StatementClock {
    fn new() -> Self {
        StatementClock {
            base: Instant::now(),
            stop_at: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    fn restart(&self) {
        let stop_at = self.base.elapsed() + STATEMENT_LIMIT;
        self.stop_at.store(stop_at.as_millis() as u64, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.stop_at.store(u64::MAX, Ordering::Relaxed);
    }

    fn may_go_on(&self) -> bool {
        (self.base.elapsed().as_millis() as u64) < self.stop_at.load(Ordering::Relaxed)
    }
}

impl Connection {
    /// Opens `path` in `dir`, which the guards have looked at, and checks or completes its schema.
    pub(crate) async fn open(
        dir: &OwnedFd,
        path: &Path,
        schema: &'static Schema,
        access: Access,
    ) -> Result<Connection, StoreError> {
        // Looked at first: another file that comes in between is noticed by the next look.
        let home = Home::of(dir, path)?;
        let mut connection = Connection::open_reading(dir, path, schema, access).await?;
        connection.home = Some(home);
        connection.rollback().await;
        if access == Access::ReadWrite && !connection.tables.complete {
            // Beginning to write completes the schema.
            connection.begin().await?;
            connection.commit().await?;
        }
        Ok(connection)
    }

    /// As [`Connection::open`], left inside the transaction in which the schema was checked: for those who read
    /// once and close.
    pub(crate) async fn open_reading(
        dir: &OwnedFd,
        path: &Path,
        schema: &'static Schema,
        access: Access,
    ) -> Result<Connection, StoreError> {
        match Connection::open_as(path, schema, access).await {
            Err(StoreError::ReadOnly) if access != Access::ReadWrite => {
                roll_back(dir, path, schema).await?;
                Connection::open_as(path, schema, access).await
            }
            other => other,
        }
    }

    /// Opens a queue's tables in memory, empty.
    pub(crate) async fn open_in_memory() -> Result<Connection, StoreError> {
        let path = Path::new(IN_MEMORY);
        let mut connection = Connection::open_as(path, &QUEUE, Access::ReadWrite).await?;
        connection.rollback().await;
        connection.begin().await?;
        connection.commit().await?;
        Ok(connection)
    }

    async fn open_as(path: &Path, schema: &'static Schema, access: Access) -> Result<Connection, StoreError> {
        let path = if path == Path::new(IN_MEMORY) {
            path.to_owned()
        } else {
            std::path::absolute(path).map_err(|error| StoreError::io(path, error))?
        };
        let clock = StatementClock::new();
        let mut sql = connect(&path, access).await?;
        let handler_clock = clock.clone();
        sql.lock_handle()
            .await?
            .set_progress_handler(PROGRESS_STEPS, move || handler_clock.may_go_on());
        let mut connection = Connection {
            sql,
            tables: Tables::default(),
            path,
            home: None,
            schema,
            schema_version: -1,
            clock,
            access,
            line: None,
            outbox: Vec::new(),
        };
        // In a transaction, so that no lock of another program can come between the looks.
        connection.begin_read().await?;
        Ok(connection)
    }

    async fn check_schema(&mut self, schema_version: i64) -> Result<(), StoreError> {
        self.start_statement();
        self.tables = self.schema.check(&mut self.sql, &self.path).await?;
        self.schema_version = schema_version;
        Ok(())
    }

    /// Begins a write transaction, on a whole schema that was checked.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        self.begin_as("BEGIN IMMEDIATE; PRAGMA schema_version").await?;
        if !self.tables.complete {
            let completed = self.complete_schema().await;
            self.or_rollback(completed).await?;
        }
        Ok(())
    }

    /// Begins a transaction that only reads: one state of the database, on a schema that was checked.
    pub(crate) async fn begin_read(&mut self) -> Result<(), StoreError> {
        const BEGIN: &str = "BEGIN; PRAGMA schema_version";
        match (self.begin_as(BEGIN).await, &self.home) {
            // A writer has crashed since this was opened.
            (Err(StoreError::ReadOnly), Some(home))
                if self.access != Access::ReadWrite
                    && guard::identity(&home.dir, &self.path).is_ok_and(|now| now == home.file) =>
            {
                roll_back(&home.dir, &self.path, self.schema).await?;
                self.begin_as(BEGIN).await
            }
            (begun, _) => begun,
        }
    }

    async fn begin_as(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let begun = self.begin_and_look(sql).await;
        self.or_rollback(begun).await
    }

    /// A peer may have changed the schema since it was checked; looked at inside a transaction, it can't
    /// change again.
    async fn begin_and_look(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let schema_version = self.begin_patiently(sql).await?;
        if schema_version != self.schema_version {
            self.check_schema(schema_version).await?;
        }
        Ok(())
    }

    /// Reading the version takes the lock; waiting for it must not count against the statements that follow.
    async fn begin_patiently(&mut self, sql: &'static str) -> Result<i64, StoreError> {
        let mut patience = self.patience();
        loop {
            self.clock.stop();
            let read = |row: SqliteRow| row.try_get(0);
            match sqlx::raw_sql(sql)
                .fetch_one(&mut self.sql)
                .await
                .and_then(read)
                .map_err(StoreError::from)
            {
                Err(StoreError::Busy) if patience.wait().await => self.rollback().await,
                other => return other,
            }
        }
    }

    async fn complete_schema(&mut self) -> Result<(), StoreError> {
        self.schema.complete(&mut self.sql, &self.path).await?;
        let schema_version = self.number("PRAGMA schema_version").await?;
        self.check_schema(schema_version).await
    }

    async fn or_rollback(&mut self, done: Result<(), StoreError>) -> Result<(), StoreError> {
        if done.is_err() {
            self.rollback().await;
        }
        done
    }

    /// What is to be told lasts with the other side before anything is called committed here.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        let notes = std::mem::take(&mut self.outbox);
        if let Some(line) = &mut self.line
            && !notes.is_empty()
        {
            line.publish(notes).await?;
        }
        self.control("COMMIT").await
    }

    /// Leaves the transaction, if SQLite hasn't done so already.
    pub(crate) async fn rollback(&mut self) {
        self.outbox.clear();
        let _ = self.control("ROLLBACK").await;
    }

    /// Runs a statement that begins or ends a transaction. These are never stopped: SQLite may ask whether to
    /// go on when their work is already done, and a commit that is reported as failed would be a lie.
    pub(crate) async fn control(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.clock.stop();
        let mut patience = self.patience();
        loop {
            match sqlx::query(sql)
                .execute(&mut self.sql)
                .await
                .map_err(StoreError::from)
            {
                Err(StoreError::Busy) if patience.wait().await => {}
                other => return other.map(|_| ()),
            }
        }
    }

    fn patience(&self) -> Patience {
        Patience::of(self.access.patience())
    }

    /// Gives the next statements their two seconds.
    pub(crate) fn start_statement(&self) {
        self.clock.restart();
    }

    /// A number that moves when another connection has changed the database.
    pub(crate) async fn data_version(&mut self) -> Result<i64, StoreError> {
        self.start_statement();
        Ok(self.number("PRAGMA data_version").await?)
    }

    async fn number(&mut self, sql: &'static str) -> Result<i64, sqlx::Error> {
        sqlx::query(sql)
            .try_map(|row: SqliteRow| row.try_get(0))
            .fetch_one(&mut self.sql)
            .await
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks whether the file that is open is still the one at its path; if not, opens what is there. True if it
    /// did. A deleted file would take everything and show it to nobody.
    pub(crate) async fn follow_file(&mut self) -> Result<bool, StoreError> {
        #[cfg(feature = "postgres")]
        if matches!(self.line, Some(Line::BottleFleet(_) | Line::OperatorFleet(_))) {
            return Ok(false);
        }
        if let Some(Line::BottleFiles(files)) = &self.line {
            if files.is_in_place().await? {
                return Ok(false);
            }
            let opened = Connection::open_bottle_files(files.queue_dir(), files.slug()).await?;
            std::mem::replace(self, opened).close().await;
            return Ok(true);
        }
        let dir = guard::open_dir(self.path.parent().unwrap_or(Path::new("/")))?;
        let found = guard::check_database(&dir, &self.path)?;
        if found && self.home.as_ref().map(|home| home.file) == Some(guard::identity(&dir, &self.path)?) {
            return Ok(false);
        }
        if !found {
            self.make_anew(&dir)?;
        }
        let path = self.path.clone();
        let mut opened = Connection::open(&dir, &path, self.schema, Access::ReadWrite).await?;
        opened.line = self.line.take();
        std::mem::replace(self, opened).close().await;
        Ok(true)
    }

    /// Makes the file of a bottle that was prepared again. One that was taken out of its directory may come back, and
    /// would then bury what was acknowledged meanwhile.
    fn make_anew(&self, dir: &OwnedFd) -> Result<(), StoreError> {
        let same = match &self.home {
            Some(home) => {
                guard::is_same(&home.dir, dir).map_err(|errno| StoreError::io(&self.path, errno))?
            }
            None => true,
        };
        if same {
            return Err(StoreError::Missing {
                path: self.path.clone(),
            });
        }
        guard::create_database(dir, &self.path)
    }

    pub(crate) async fn close(self) {
        // Nothing is lost when closing fails: every commit has been synced by then.
        let _ = self.sql.close().await;
    }
}

/// Some settings read the file's header, for which another program's lock has to be waited for as well.
async fn connect(path: &Path, access: Access) -> Result<SqliteConnection, StoreError> {
    let mut patience = Patience::of(access.patience());
    loop {
        match options(path, access).connect().await.map_err(StoreError::from) {
            Err(StoreError::Busy) if patience.wait().await => {}
            other => return other,
        }
    }
}

/// Read-only can't roll back what a crashed writer left; a writer's open does.
async fn roll_back(dir: &OwnedFd, path: &Path, schema: &'static Schema) -> Result<(), StoreError> {
    guard::check_database(dir, path)?;
    let writer = Box::pin(Connection::open_as(path, schema, Access::ReadWrite)).await?;
    writer.close().await;
    Ok(())
}

fn options(path: &Path, access: Access) -> SqliteConnectOptions {
    let read_only = access != Access::ReadWrite;
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(read_only)
        .create_if_missing(false)
        .busy_timeout(Duration::ZERO)
        // The journal mode of a file is kept as found; a new file gets SQLite's default, DELETE, and EXTRA
        // syncs the directory after the journal is gone, so a power loss can't bring it back.
        .synchronous(SqliteSynchronous::Extra)
        .foreign_keys(false)
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("mmap_size", "0")
        // Spilling pages in the middle of a transaction would want the exclusive lock there and then.
        .pragma("cache_spill", "OFF")
        .disable_statement_logging()
}
