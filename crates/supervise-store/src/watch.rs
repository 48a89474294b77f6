//! Noticing decisions: one watcher per queue, and one query per wake for everything held.
//!
//! The doorbell is a touch of the queue directory's own times after a commit; other programs' commits are
//! seen by the files they create and delete there. Both are hints, which may come before the commit can be
//! read or not at all; the truth is a slow poll while anything is held.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use supervise_core::SafeLine;
use tokio::time::sleep;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::hold::Holds;
use crate::row;

/// The truth: how often a database is asked while anything is held.
pub(crate) const POLL: Duration = Duration::from_millis(250);
/// After a hint that showed nothing, how often and for how long to look again.
const RECHECK_EVERY: Duration = Duration::from_millis(1);
const RECHECK_FOR: Duration = Duration::from_millis(50);
/// How often to look again at once when the database is locked at that moment.
const QUICK_LOOKS: u32 = 30;

/// A queue that can't be read is tried again up to a thousand times a second, and complained of this often.
const COMPLAINT_EVERY: Duration = Duration::from_secs(10);

/// Why the watcher woke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    Hint,
    Recheck,
    Poll,
}

pub(crate) struct Watch {
    holds: Arc<Holds>,
    bell: Bell,
    data_version: i64,
    /// Responses up to this row have been handed out.
    seen_row: i64,
    recheck_until: Option<Instant>,
    /// The truth: when to look whatever hints come.
    next_poll: Instant,
    /// Whether a change was seen since every held proposal was last looked at one by one.
    stale: bool,
    complained_at: Option<Instant>,
    /// Whether the queue's file was where it should be when last looked for.
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Found,
    Lost,
}

impl Watch {
    pub(crate) async fn start(holds: Arc<Holds>, connection: &mut Connection) -> Result<Watch, StoreError> {
        let bell = Bell::on(connection.watched());
        connection.begin_read().await?;
        let data_version = connection.data_version().await?;
        let seen_row = row::last_response_row(&mut connection.sql).await?;
        connection.rollback().await;
        let next_poll = Instant::now() + connection.poll_every();
        Ok(Watch {
            holds,
            bell,
            data_version,
            seen_row,
            recheck_until: None,
            next_poll,
            stale: false,
            complained_at: None,
            place: Place::Found,
        })
    }

    /// Moves to the file that lies at the queue's path now, should it be another than the open one. Whoever waits
    /// for a proposal of the old one is told that the store is gone, and can ask again.
    pub(crate) async fn follow_file(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        let followed = self.move_to_file(connection).await;
        let place = if followed.is_ok() {
            Place::Found
        } else {
            Place::Lost
        };
        match &followed {
            Err(error) if self.place == Place::Found => {
                tracing::warn!(error = %SafeLine::new(&error.to_string()), "the queue can't be used");
            }
            Ok(()) if self.place == Place::Lost => tracing::info!("the queue can be used again"),
            _ => {}
        }
        self.place = place;
        if place == Place::Lost {
            // The poll's turn is over, or it would come again at once.
            self.next_poll = Instant::now() + connection.poll_every();
        }
        followed
    }

    async fn move_to_file(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        if !connection.follow_file().await? {
            return Ok(());
        }
        tracing::warn!("the queue's file was replaced; going on with the new one");
        let holds = Arc::clone(&self.holds);
        // Dropping the old watch closes every hold.
        *self = Watch::start(holds, connection).await?;
        Ok(())
    }

    /// Waits for a reason to look; for ever while nothing is held.
    pub(crate) async fn wake(&mut self, connection: &mut Connection) -> Wake {
        if self.holds.is_empty() {
            connection.rest().await;
            return std::future::pending().await;
        }
        let now = Instant::now();
        let recheck = self.recheck_until.is_some_and(|until| now < until);
        let poll_in = self.next_poll.saturating_duration_since(now);
        let (wake, delay) = if recheck {
            (Wake::Recheck, RECHECK_EVERY)
        } else {
            (Wake::Poll, poll_in)
        };
        tokio::select! {
            () = self.bell.rung() => Wake::Hint,
            () = connection.hinted() => Wake::Hint,
            () = sleep(delay) => wake,
        }
    }

    /// Looks for news and hands it out.
    pub(crate) async fn check(&mut self, wake: Wake, connection: &mut Connection) {
        if wake == Wake::Hint && connection.is_shared() {
            self.recheck_until = Some(Instant::now() + RECHECK_FOR);
        }
        // Hints without a pause don't put off the look through everything.
        let by_name = wake == Wake::Hint && Instant::now() < self.next_poll;
        let heard = self.bell.heard().filter(|_| by_name);
        let mut looked = self.look(connection, heard).await;
        // The hint came while the other program's commit was still under way: that is a matter of microseconds.
        for _ in 0..QUICK_LOOKS {
            if !matches!(looked, Err(StoreError::Busy)) {
                break;
            }
            tokio::task::yield_now().await;
            looked = self.look(connection, None).await;
        }
        match looked {
            Ok(found) if found => self.recheck_until = None,
            Ok(_) | Err(StoreError::Busy) => {}
            Err(error) => self.complain(&error, "the queue could not be read; trying again"),
        }
        if Instant::now() >= self.next_poll {
            self.next_poll = Instant::now() + connection.poll_every();
            self.look_at_each(connection).await;
        }
    }

    /// Our own commit rang the bell too; what it has to say is known here already.
    pub(crate) async fn after_own_work(&mut self, connection: &mut Connection) {
        self.bell.silence();
        if !self.holds.is_empty() {
            self.check(Wake::Recheck, connection).await;
        }
    }

    /// `heard`: the names that the hint was about; without them everything is looked through.
    async fn look(
        &mut self,
        connection: &mut Connection,
        heard: Option<Vec<String>>,
    ) -> Result<bool, StoreError> {
        let told = connection.take_in_heard(heard).await?;
        let data_version = if connection.is_shared() {
            connection.data_version().await?
        } else {
            self.data_version
        };
        if !told && data_version == self.data_version {
            return Ok(false);
        }
        self.hand_out(connection).await?;
        self.data_version = data_version;
        self.stale = true;
        Ok(true)
    }

    async fn hand_out(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        loop {
            let answers = row::answers_after(connection, self.seen_row).await?;
            let more = answers.len() == row::ANSWERS;
            for (row, answer) in answers {
                self.seen_row = row;
                if let Some(answer) = answer {
                    self.holds.decided(&answer);
                }
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Row numbers can't tell of a proposal archived elsewhere, nor survive a VACUUM, so after changes
    /// every held proposal is looked at, at the pace of the poll.
    async fn look_at_each(&mut self, connection: &mut Connection) {
        if !self.stale {
            return;
        }
        match self.look_at_all(connection).await {
            Ok(()) => self.stale = false,
            Err(error) => self.complain(&error, "held proposals could not be read; trying again"),
        }
    }

    async fn look_at_all(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        let ended = row::ended_among(connection, &self.holds.ids()).await?;
        ended.into_iter().for_each(|end| self.holds.ended(end));
        // Rows may have been deleted since, and their numbers are given out again.
        self.seen_row = self
            .seen_row
            .min(row::last_response_row(&mut connection.sql).await?);
        Ok(())
    }

    fn complain(&mut self, error: &StoreError, what: &'static str) {
        let now = Instant::now();
        if self
            .complained_at
            .is_none_or(|at| now.duration_since(at) >= COMPLAINT_EVERY)
        {
            self.complained_at = Some(now);
            tracing::warn!(error = %SafeLine::new(&error.to_string()), "{what}");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.holds.close();
    }
}

/// Rings the doorbell of a queue: every watcher of the directory wakes.
pub(crate) fn ring(dir: &OwnedFd) {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    // A bell that can't be rung only costs the other side its poll's delay.
    let _ = futimens(
        dir.as_fd(),
        &Timestamps {
            last_access: now,
            last_modification: now,
        },
    );
}

#[cfg(target_os = "linux")]
mod bell {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use tokio::io::unix::AsyncFd;

    use crate::files::TEMPORARY;

    /// inotify on the directory, or nothing where there is none to be had.
    pub(crate) struct Bell {
        fd: Option<AsyncFd<OwnedFd>>,
        heard: Heard,
    }

    /// Of more it is quicker to look through all.
    const MAX_HEARD: usize = 64;

    /// What it rang for since that was last asked.
    #[derive(Default)]
    struct Heard {
        names: Vec<String>,
        /// The kernel has dropped some, or it was about the directory itself.
        lost: bool,
    }

    impl Bell {
        pub(crate) fn on(dir: Option<&Path>) -> Bell {
            let fd = dir.and_then(|dir| {
                watch(dir)
                    .inspect_err(|error| {
                        tracing::warn!(%error, "no inotify on the queue; decisions are noticed by polling");
                    })
                    .ok()
            });
            Bell {
                fd,
                heard: Heard::default(),
            }
        }

        /// The files it rang for since the last time; `None` if any other may have changed as well.
        pub(crate) fn heard(&mut self) -> Option<Vec<String>> {
            let heard = std::mem::take(&mut self.heard);
            (!heard.lost).then_some(heard.names)
        }

        pub(crate) async fn rung(&mut self) {
            let Some(fd) = &self.fd else {
                return std::future::pending().await;
            };
            loop {
                match fd.readable().await {
                    Ok(mut ready) => {
                        let rung = drain(fd.get_ref(), &mut self.heard);
                        ready.clear_ready();
                        if rung {
                            return;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "inotify failed; decisions are noticed by polling");
                        break;
                    }
                }
            }
            self.fd = None;
        }

        pub(crate) fn silence(&mut self) {
            if let Some(fd) = &self.fd {
                drain(fd.get_ref(), &mut self.heard);
            }
        }
    }

    fn watch(dir: &Path) -> std::io::Result<AsyncFd<OwnedFd>> {
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // Never OPEN or ACCESS: our own reads would wake us for ever.
        let events = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_TO
            | WatchFlags::ATTRIB;
        inotify::add_watch(&fd, dir, events)?;
        // `new` is deprecated for types whose descriptor may change underneath; an OwnedFd's never does.
        #[expect(
            deprecated,
            reason = "its successor is unsafe, and sound here for the same reason"
        )]
        AsyncFd::new(fd)
    }

    /// Whether any of it is news: a file under a temporary name is not finished yet.
    fn drain(fd: &OwnedFd, heard: &mut Heard) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(fd, &mut buffer);
        let mut news = false;
        while let Ok(event) = events.next() {
            match event.file_name().map(|name| name.to_string_lossy()) {
                Some(name) if name.starts_with(TEMPORARY) => continue,
                Some(name) if heard.names.len() < MAX_HEARD => heard.names.push(name.into_owned()),
                _ => heard.lost = true,
            }
            news = true;
        }
        news
    }
}

#[cfg(not(target_os = "linux"))]
mod bell {
    use std::path::Path;

    /// Elsewhere the poll is all there is.
    pub(crate) struct Bell;

    impl Bell {
        pub(crate) fn on(_dir: Option<&Path>) -> Bell {
            Bell
        }

        pub(crate) fn heard(&mut self) -> Option<Vec<String>> {
            None
        }

        pub(crate) async fn rung(&mut self) {
            std::future::pending().await
        }

        pub(crate) fn silence(&mut self) {}
    }
}

use bell::Bell;
