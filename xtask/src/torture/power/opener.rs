//! Opens what a loss of power left: the store in one process for all of them, SQLite itself in another, and for
//! some the operator's program.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::workload::SLUG;
use crate::command::Failed;
use crate::torture::world::{programs, trouble};

const INTEGRITY: &str = "
import glob, sqlite3, sys
for root in sys.stdin:
    said = []
    for path in glob.glob(root.strip() + '/bot-bottle.db') + glob.glob(root.strip() + '/queue/*/supervise.db'):
        try:
            rows = sqlite3.connect(path).execute('PRAGMA integrity_check').fetchall()
            said += [row[0] for row in rows if row[0] != 'ok']
        except sqlite3.Error as error:
            said.append(str(error))
    print('; '.join(said).replace('\\n', ' '), flush=True)
";

/// A program that answers each line with one.
struct Talker {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Talker {
    fn start(command: &mut Command) -> Result<Talker, Failed> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(trouble("starting a checker"))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (to, from) = pipes.ok_or_else(|| Failed::new("a checker has no pipes"))?;
        Ok(Talker {
            child,
            to,
            from: BufReader::new(from),
        })
    }

    fn ask(&mut self, line: &str) -> Result<String, Failed> {
        let mut answer = String::new();
        writeln!(self.to, "{line}").map_err(trouble("asking a checker"))?;
        let length = self.from.read_line(&mut answer);
        match length.map_err(trouble("hearing a checker"))? {
            0 => Err(Failed::new(format!("a checker died of: {line}"))),
            _ => Ok(answer.trim_end().to_owned()),
        }
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) struct Opener {
    store: Talker,
    sqlite: Talker,
}

impl Opener {
    pub(super) fn start() -> Result<Opener, Failed> {
        Ok(Opener {
            store: Talker::start(&mut Command::new(programs()?.join("examples/reopen")))?,
            sqlite: Talker::start(Command::new("python3").args(["-c", INTEGRITY]))?,
        })
    }

    /// What the store finds of `ids`.
    pub(super) fn look(&mut self, root: &Path, ids: &str) -> Result<Value, Failed> {
        let answer = self.store.ask(&format!("{}\t{SLUG}\t{ids}", root.display()))?;
        serde_json::from_str(&answer).map_err(|error| Failed::new(format!("reopen: {error}")))
    }

    /// What SQLite finds damaged; empty if nothing is.
    pub(super) fn damage(&mut self, root: &Path) -> Result<String, Failed> {
        self.sqlite.ask(&root.display().to_string())
    }

    /// The operator's verbs that must go well on whatever is there.
    pub(super) fn operate(root: &Path) -> Result<Vec<String>, Failed> {
        let mut failed = Vec::new();
        for verb in [&["list", "--json"][..], &["audit", "verify"], &["doctor"]] {
            let output = Command::new(programs()?.join("supervise"))
                .args(["--no-input", "--root"])
                .arg(root)
                .args(verb)
                .stdin(Stdio::null())
                .output()
                .map_err(trouble("starting supervise"))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).replace('\n', " / ");
                failed.push(format!("{}: {}: {said}", verb.join(" "), output.status));
            }
        }
        Ok(failed)
    }
}
