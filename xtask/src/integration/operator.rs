//! The operator's program on the host, run by the account that owns the root.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

use rustix::process::geteuid;
use serde_json::Value;

use super::check::{trouble, wait};
use super::site::Site;
use crate::command::{Failed, shell_line};

const LIST: [&str; 2] = ["list", "--json"];

pub(super) struct Operator<'a>(&'a Site);

/// How a run ended.
pub(super) struct Ran {
    line: String,
    code: Option<i32>,
    pub(super) out: String,
    err: String,
}

impl<'a> Operator<'a> {
    pub(super) fn of(site: &'a Site) -> Operator<'a> {
        Operator(site)
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Result<Ran, Failed> {
        let site = self.0;
        let mut command = Command::new(site.program());
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", site.root())
            .env("SUPERVISE_ROOT", site.root())
            .current_dir(site.root())
            .stdin(Stdio::null());
        if geteuid().is_root() {
            command.uid(site.account.uid).gid(site.account.gid);
        }
        let line = shell_line(&command);
        let output = command.output().map_err(trouble(&line))?;
        Ok(Ran::new(line, &output))
    }

    /// What is pending, oldest first.
    pub(super) fn list(&self) -> Result<Vec<Value>, Failed> {
        self.run(&LIST)?.pending()
    }

    /// The same; none if the queue was being written for as long as looking may take, which is a quarter of a second.
    pub(super) fn list_unless_busy(&self) -> Result<Option<Vec<Value>>, Failed> {
        let ran = self.run(&LIST)?;
        if ran.code == Some(1) && ran.err.contains("database is locked") {
            return Ok(None);
        }
        ran.pending().map(Some)
    }

    /// Waits until one proposal is pending for a host; its object in the list.
    pub(super) fn wait_for(&self, host: &str) -> Result<Value, Failed> {
        wait(&format!("a proposal for {host}"), || {
            let mut pending = self.list()?.into_iter();
            Ok(pending.find(|proposal| names(proposal, host)))
        })
    }

    /// Decides by `verb`, and expects to be obeyed.
    pub(super) fn decide(&self, arguments: &[&str]) -> Result<Value, Failed> {
        let ran = self.run(&[&["--json", "--no-input"], arguments].concat())?;
        ran.expect(0)?.json()
    }
}

fn names(proposal: &Value, host: &str) -> bool {
    let file = proposal["proposed_file"].as_str().unwrap_or_default();
    file.contains(&format!("\"{host}\""))
}

/// A proposal's id in any JSON the program prints.
pub(super) fn id(proposal: &Value) -> &str {
    proposal["id"].as_str().unwrap_or_default()
}

impl Ran {
    fn new(line: String, output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran {
            line,
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    pub(super) fn expect(self, code: i32) -> Result<Ran, Failed> {
        if self.code == Some(code) {
            return Ok(self);
        }
        Err(Failed::new(format!(
            "exit code {:?}, not {code}: {}\n{}{}",
            self.code, self.line, self.out, self.err
        )))
    }

    fn pending(self) -> Result<Vec<Value>, Failed> {
        match self.expect(0)?.json()? {
            Value::Array(pending) => Ok(pending),
            other => Err(Failed::new(format!("no list: {other}"))),
        }
    }

    pub(super) fn json(&self) -> Result<Value, Failed> {
        serde_json::from_str(&self.out)
            .map_err(|_| Failed::new(format!("no JSON: {}\n{}", self.line, self.out)))
    }
}
