//! Commands that outlived the program that ran them: ended before another is run for the same file, so that
//! the last to run is the last to have read it.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// Tells a command which file it is run for, and us whose command it is.
pub(super) const MARK: &str = "SUPERVISE_APPLYING";

const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOKS: u32 = 400;

/// Ends the commands that still run for the file at `path`. Call it with the file's directory locked: whoever
/// ran them is gone then. Where there is no `/proc`, nothing is found.
pub(super) async fn end(path: &Path) {
    for _ in 0..LOOKS {
        let running = commands_of(path);
        if running.is_empty() {
            return;
        }
        for group in running {
            let _ = kill_process_group(group, Signal::KILL);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A command leads its group for as long as it runs. What it started and left behind doesn't, and is let live.
fn commands_of(path: &Path) -> Vec<Pid> {
    let mark = [MARK.as_bytes(), b"=", path.as_os_str().as_bytes()].concat();
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|process| process.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(|pid| leads_a_group(*pid) && carries(*pid, &mark))
        .collect()
}

/// The leader of a whole session is a daemon that has left its caller.
fn leads_a_group(pid: Pid) -> bool {
    let own = pid.as_raw_nonzero().get();
    let stat = fs::read_to_string(format!("/proc/{own}/stat")).unwrap_or_default();
    // The name before it may hold anything, parentheses too.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let number = |at| fields.split(' ').nth(at).and_then(|field| field.parse().ok());
    let [group, session] = [2, 3].map(number);
    group == Some(own) && session.is_some_and(|session: i32| session != own)
}

fn carries(pid: Pid, mark: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|entry| entry == mark)
}
