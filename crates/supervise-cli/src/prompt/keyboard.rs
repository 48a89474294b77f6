//! The operator's terminal as an input: keys one at a time, or lines, and its modes put back whatever happens.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};
use tokio::signal::unix::{Signal as Arrivals, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::{CliError, Kind};
use crate::signals::{interrupted, stop};

/// Bytes that come closer together than this are no key pressed by a hand: a paste, or a function key.
const BURST: Duration = Duration::from_millis(20);
/// A window that is dragged changes its size many times a second.
const STILL: Duration = Duration::from_millis(150);
/// How long a wait for a key lasts before it is begun anew.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const CTRL_C: u8 = 0x03;
const CTRL_Z: u8 = 0x1a;

/// What the operator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    /// The screen isn't what it was: its size changed, or it was left and come back to.
    Redraw,
    Other,
}

/// Single keys, unseen until we print them. Dropping it puts the terminal's modes back.
pub(super) struct Keyboard {
    resized: Option<Arrivals>,
    before: Termios,
}

impl Keyboard {
    /// Takes the keyboard over and forgets what was typed before; `None` where it can't be done.
    pub(super) fn take() -> Option<Keyboard> {
        let keyboard = Keyboard {
            resized: signal(SignalKind::window_change()).ok(),
            before: tcgetattr(io::stdin()).ok()?,
        };
        keyboard.single_keys().ok()?;
        Some(keyboard)
    }

    fn single_keys(&self) -> io::Result<()> {
        let mut modes = self.before.clone();
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(tcsetattr(io::stdin(), OptionalActions::Flush, &modes)?)
    }

    /// Waits until nothing has been typed for so long. Who holds a key down, or hits it twice, meant what stood
    /// there before.
    pub(super) async fn settle(&mut self, quiet: Duration) -> Result<(), CliError> {
        while let Some(typed) = self.typed_within(quiet).await? {
            if typed.contains(&CTRL_C) {
                return Err(interrupted());
            }
        }
        Ok(())
    }

    /// The next key.
    pub(super) async fn key(&mut self) -> Result<Key, CliError> {
        let resized = async {
            match &mut self.resized {
                Some(resized) => resized.recv().await,
                None => std::future::pending().await,
            }
        };
        let mut typed = tokio::select! {
            biased;
            typed = read() => typed?,
            _ = resized => {
                self.be_still().await;
                return Ok(Key::Redraw);
            }
            stopped = stop() => return Err(stopped),
        };
        while let Some(more) = self.typed_within(BURST).await? {
            typed.extend(more);
        }
        match typed.as_slice() {
            bytes if bytes.contains(&CTRL_C) => Err(interrupted()),
            [CTRL_Z] => self.suspend(),
            [b'\r' | b'\n'] => Ok(Key::Enter),
            bytes => Ok(single(bytes).map_or(Key::Other, Key::Char)),
        }
    }

    async fn typed_within(&self, patience: Duration) -> Result<Option<Vec<u8>>, CliError> {
        tokio::select! {
            biased;
            ready = readable_within(patience) => if ready? { take().map(Some) } else { Ok(None) },
            stopped = stop() => Err(stopped),
        }
    }

    async fn be_still(&mut self) {
        let Some(resized) = &mut self.resized else { return };
        while timeout(STILL, resized.recv()).await.is_ok() {}
    }

    /// Goes to sleep as the shell expects it, and takes the keyboard again afterwards.
    fn suspend(&self) -> Result<Key, CliError> {
        self.put_back();
        let _ = kill_current_process_group(Signal::TSTP);
        self.single_keys().map_err(unanswered)?;
        Ok(Key::Redraw)
    }

    fn put_back(&self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// The only character, if it is one alone that can be seen.
fn single(bytes: &[u8]) -> Option<char> {
    let mut chars = std::str::from_utf8(bytes).ok()?.chars();
    let first = chars.next().filter(|c| !c.is_control())?;
    chars.next().is_none().then_some(first)
}

/// Reads a line as the terminal itself edits it; `ask` puts the question there. What was typed before it is
/// forgotten.
pub(super) async fn line(ask: impl FnOnce()) -> Result<String, CliError> {
    // On a terminal that can't do it the question still has its safe default.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    ask();
    let mut typed = Vec::new();
    while !typed.ends_with(b"\n") {
        let more = tokio::select! {
            // What was typed counts before the signal that followed it.
            biased;
            more = read() => more?,
            stopped = stop() => return Err(stopped),
        };
        typed.extend(more);
    }
    Ok(String::from_utf8_lossy(&typed)
        .trim_end_matches(['\n', '\r'])
        .to_owned())
}

/// What was typed, at least one byte.
async fn read() -> Result<Vec<u8>, CliError> {
    while !readable_within(LOOK_EVERY).await? {}
    take()
}

/// Waits on a thread of its own, which takes nothing: whoever stops waiting leaves no reader behind.
async fn readable_within(patience: Duration) -> Result<bool, CliError> {
    let waiting = spawn_blocking(move || is_readable(patience)).await;
    let failed = |source| CliError::failed("the prompt stopped").because(source);
    waiting.map_err(failed)?.map_err(unanswered)
}

fn is_readable(patience: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&patience)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Takes what is there; whole lines only, unless single keys were asked for.
fn take() -> Result<Vec<u8>, CliError> {
    let mut buffer = [0; 1024];
    match rustix::io::read(io::stdin(), &mut buffer) {
        Ok(0) => Err(CliError::new(Kind::NeedsTerminal, "the terminal gave no answer")),
        Ok(count) => Ok(buffer[..count].to_vec()),
        Err(errno) => Err(unanswered(errno.into())),
    }
}

fn unanswered(error: io::Error) -> CliError {
    CliError::new(Kind::NeedsTerminal, "the terminal gave no answer").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_character_that_can_be_seen() {
        assert_eq!(single(b"a"), Some('a'));
        assert_eq!(single("é".as_bytes()), Some('é'));
        for other in [&b""[..], b"ab", b"\x1b", b"\x1b[A", b"a\n", b"\x04", b"\xff"] {
            assert_eq!(single(other), None, "{other:?}");
        }
    }
}
