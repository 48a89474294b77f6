//! The command that puts a written file in force: an argument list, a time limit, bounded output.

use std::io::{PipeReader, Read as _, pipe};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::orphans;

/// The last of it.
const MAX_OUTPUT_BYTES: usize = 64 << 10;
/// What a background process of the command may still write once the command has ended isn't waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_millis(2);
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Why it came to nothing, and what it printed: raw, to be shown escaped.
#[derive(Debug)]
pub(crate) struct CommandFailed {
    pub(crate) why: String,
    pub(crate) output: String,
}

/// What is run, for which file, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) command: &'a [String],
    pub(crate) file: &'a Path,
    pub(crate) dir: &'a Path,
    pub(crate) limit: Duration,
}

/// Runs it and waits at most its limit; `stopped` ends it, `tick` is called every ten seconds. It is its own
/// process group, so that all of it ends with the limit, and Ctrl-C reaches it only through this program.
pub(crate) async fn run(
    run: Run<'_>,
    stopped: impl Future<Output = ()>,
    tick: impl Fn(u64),
) -> Result<(), CommandFailed> {
    let failed = |why: String, output: String| CommandFailed { why, output };
    let name = run.command.join(" ");
    orphans::end(run.file).await;
    let (child, output) =
        start(run).map_err(|error| failed(format!("'{name}' can't be started: {error}"), String::new()))?;
    let ended = wait(child, run.limit, stopped, tick).await;
    let why = match ended {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => format!("'{name}' ended with {status}"),
        Err(why) => format!("'{name}' {why}"),
    };
    Err(failed(why, output.text().await))
}

fn start(run: Run<'_>) -> std::io::Result<(Child, Output)> {
    let (program, arguments) = run
        .command
        .split_first()
        .ok_or_else(|| std::io::Error::other("it is empty"))?;
    let (reader, writer) = pipe()?;
    let child = Command::new(program)
        .args(arguments)
        .current_dir(run.dir)
        .env(orphans::MARK, run.file)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    Ok((child, Output::of(reader)))
}

async fn wait(
    mut child: Child,
    limit: Duration,
    stopped: impl Future<Output = ()>,
    tick: impl Fn(u64),
) -> Result<ExitStatus, String> {
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let began = Instant::now();
    let ticking = async {
        loop {
            tokio::time::sleep(SAY_EVERY).await;
            tick(began.elapsed().as_secs());
        }
    };
    let why = tokio::select! {
        ended = child.wait() => return ended.map_err(|error| format!("can't be waited for: {error}")),
        () = tokio::time::sleep(limit) => format!("ran longer than {} s and was stopped", limit.as_secs()),
        () = stopped => "was interrupted".to_owned(),
        () = ticking => String::new(),
    };
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait().await;
    Err(why)
}

/// What the command prints, read on a thread of its own so that it never waits for us.
struct Output {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

impl Output {
    fn of(mut pipe: PipeReader) -> Output {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&kept);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..count]);
                // The reason stands at the end. Cut at twice the length, so that not every read moves all of it.
                if kept.len() > 2 * MAX_OUTPUT_BYTES {
                    cut(&mut kept);
                }
            }
        });
        Output { kept, reader }
    }

    async fn text(self) -> String {
        let give_up = Instant::now() + LAST_WORDS;
        while !self.reader.is_finished() && Instant::now() < give_up {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        cut(&mut kept);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

fn cut(kept: &mut Vec<u8>) {
    let over = kept.len().saturating_sub(MAX_OUTPUT_BYTES);
    kept.drain(..over);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<(), CommandFailed> {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(run(this(&command, limit), std::future::pending(), |_| {}))
    }

    fn this(command: &[String], limit: Duration) -> Run<'_> {
        Run {
            command,
            file: Path::new(command.last().map_or("", String::as_str)),
            dir: Path::new("/"),
            limit,
        }
    }

    const PLENTY: Duration = Duration::from_secs(20);

    #[test]
    fn the_exit_and_the_output_are_told() {
        assert!(shell("echo fine", PLENTY).is_ok());
        let failed = shell("echo out; echo err >&2; exit 3", PLENTY).unwrap_err();
        assert!(failed.why.contains("exit status: 3"), "{}", failed.why);
        assert_eq!(failed.output, "out\nerr\n");
    }

    #[test]
    fn the_limit_ends_the_whole_group() {
        let began = Instant::now();
        let failed = shell("sleep 60 & echo $!; wait", Duration::from_millis(200)).unwrap_err();
        assert!(failed.why.contains("was stopped"), "{}", failed.why);
        assert!(began.elapsed() < Duration::from_secs(10));
        let grandchild = Pid::from_raw(failed.output.trim().parse().unwrap()).unwrap();
        let gone = |_: &u32| rustix::process::test_kill_process(grandchild).is_err() || is_zombie(grandchild);
        assert!(
            (0..200)
                .inspect(|_| thread::sleep(Duration::from_millis(10)))
                .any(|at| gone(&at))
        );
    }

    /// Where nobody reaps orphans a killed process stays in the table.
    fn is_zombie(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn endless_output_is_cut_and_a_background_process_is_not_waited_for() {
        let script = "head -c 300000 /dev/zero | tr '\\0' x; echo why; exit 1";
        let failed = shell(script, PLENTY).unwrap_err();
        assert_eq!(failed.output.len(), MAX_OUTPUT_BYTES);
        assert!(failed.output.ends_with("xwhy\n"), "the end is what counts");
        let began = Instant::now();
        assert!(shell("sleep 5 & exit 1", PLENTY).is_err());
        assert!(began.elapsed() < Duration::from_secs(3));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let command = ["/nowhere/reload".to_owned()];
        let ran = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(run(this(&command, PLENTY), std::future::pending(), |_| {}));
        assert!(
            ran.unwrap_err()
                .why
                .contains("'/nowhere/reload' can't be started")
        );
    }
}
