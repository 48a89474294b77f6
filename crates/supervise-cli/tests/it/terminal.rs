//! A pseudo-terminal to run the program at.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(20);

/// The program at a terminal of 80 columns and 24 rows, and what it has printed there.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    line: OwnedFd,
    screen: Arc<Mutex<Vec<u8>>>,
    read: usize,
}

impl Terminal {
    pub(crate) fn start(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let mut command = world.command(arguments);
        command
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env("PATH", "/usr/bin:/bin")
            .envs(environment.iter().copied());
        Terminal::run(command)
    }

    /// Another program at such a terminal.
    pub(crate) fn run(mut command: Command) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let line = openat(CWD, &name, flags, Mode::empty()).unwrap();
        tcsetwinsize(&line, size(24, 80)).unwrap();
        let end = || Stdio::from(line.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let keyboard = File::from(master);
        let screen = Arc::default();
        watch(keyboard.try_clone().unwrap(), Arc::clone(&screen));
        Terminal {
            child,
            keyboard,
            line,
            screen,
            read: 0,
        }
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until `text` appears behind what was waited for before.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if let Some(at) = screen[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            assert!(
                Instant::now() < give_up,
                "no {text:?} in {:?}",
                &screen[self.read..]
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything that was printed so far.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Waits for the end and returns the exit code.
    pub(crate) fn wait(&mut self) -> i32 {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // What it printed last is still on its way.
                thread::sleep(Duration::from_millis(50));
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < give_up, "still running: {:?}", self.screen());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Gives it another size, and tells the program as the kernel tells those whose terminal it is.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        tcsetwinsize(&self.line, size(rows, columns)).unwrap();
        self.signal(Signal::WINCH);
    }

    /// Whether what is typed shows and lines can be edited, as a shell expects it.
    pub(crate) fn is_sane(&self) -> bool {
        let modes = tcgetattr(self.line.as_fd()).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn watch(mut master: File, screen: Arc<Mutex<Vec<u8>>>) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count) = master.read(&mut buffer) {
            if count == 0 {
                break;
            }
            screen.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
    });
}
