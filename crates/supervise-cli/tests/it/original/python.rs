//! The original's host library, driven by one JSON object a line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::world::{World, slug};

const DRIVER: &str = include_str!("driver.py");

pub(super) fn folder() -> PathBuf {
    PathBuf::from(
        std::env::var_os("SUPERVISE_ORIGINAL").expect("SUPERVISE_ORIGINAL names the original's folder"),
    )
}

/// A Python process on one bottle's queue and on the root's audit log.
pub(super) struct Python {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    pub(super) fn start(world: &World) -> Python {
        // The original finds its root in the home directory.
        let home = world.path("home");
        std::fs::create_dir(&home).unwrap();
        std::os::unix::fs::symlink(world.root.path(), home.join(".bot-bottle")).unwrap();
        let mut command = Command::new("python3");
        command
            .arg("-c")
            .arg(DRIVER)
            .arg(folder())
            .arg(world.root.queue_dir(&slug("dev")))
            .env("HOME", home);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let asks = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Python { child, asks, answers }
    }

    /// Hands over an operation, to be answered while this program does something else.
    pub(super) fn ask(&mut self, operation: &Value) {
        writeln!(self.asks, "{operation}").unwrap();
    }

    pub(super) fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
