//! A root in a temporary directory, the program run in an empty environment, and its queues at hand.

use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use supervise_core::{Digest, Proposal, Root, Slug, Tool};
use supervise_store::{AuditFilter, AuditRow, Found, Host, Queue};
use tempfile::TempDir;

pub(crate) const ROUTE: &str =
    "{\n  \"host\": \"api.example.com\",\n  \"path_allowlist\": [\n    \"/v1/\"\n  ]\n}\n";

/// One operator's machine.
pub(crate) struct World {
    dir: TempDir,
    pub(crate) root: Root,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks the exit code, and shows everything when it is another.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl World {
    pub(crate) fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().join("root"));
        World { dir, root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program with arguments, on this machine's root and with nothing else in its environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_supervise"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("SUPERVISE_ROOT", self.root.path())
            .env("TMPDIR", self.dir.path())
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs it after a shell has done `setup`, which lowers a limit, say.
    pub(crate) fn run_after(&self, setup: &str, arguments: &[&str]) -> Ran {
        let program = self.command(arguments);
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &format!("{setup}; exec \"$0\" \"$@\"")])
            .arg(program.get_program())
            .args(program.get_args());
        let environment = program.get_envs();
        shell
            .env_clear()
            .envs(environment.filter_map(|(name, value)| Some((name, value?))));
        Ran::of(shell.current_dir(self.path("")).output().unwrap())
    }

    /// Runs it with `input` on stdin.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that refuses its arguments never reads.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Queues an agent's ask for a route.
    pub(crate) fn ask(&self, bottle: &str) -> Proposal {
        self.propose(Proposal::new(
            &slug(bottle),
            Tool::EgressAllow,
            ROUTE,
            "the tests need it",
        ))
    }

    pub(crate) fn propose(&self, proposal: Proposal) -> Proposal {
        let bottle = slug(&proposal.bottle_slug);
        self.with_queue(&bottle, async |queue| {
            queue.proposal_submit(proposal.clone()).await.unwrap()
        });
        proposal
    }

    pub(crate) fn with_queue<T>(&self, bottle: &Slug, work: impl AsyncFnOnce(&Queue) -> T) -> T {
        block_on(async {
            let queue = Queue::create(&self.root.queue_dir(bottle), bottle).await.unwrap();
            let done = work(&queue).await;
            queue.close().await;
            done
        })
    }

    /// The proposal in whatever state it is.
    pub(crate) fn find(&self, proposal: &Proposal) -> Found {
        let bottle = slug(&proposal.bottle_slug);
        self.with_queue(&bottle, async |queue| {
            queue.proposal_find(&proposal.id).await.unwrap().remove(0)
        })
    }

    pub(crate) fn audit(&self) -> Vec<AuditRow> {
        block_on(async {
            let Some(host) = Host::open_read_only(&self.root).await.unwrap() else {
                return Vec::new();
            };
            host.audit_page(&AuditFilter::default()).await.unwrap()
        })
    }

    /// The digest under which a proposal was first shown.
    pub(crate) fn shown(&self, proposal: &Proposal) -> Option<Digest> {
        block_on(async {
            let host = Host::open_read_only(&self.root).await.unwrap()?;
            host.shown_digest(&slug(&proposal.bottle_slug), &proposal.id)
                .await
                .unwrap()
        })
    }

    /// Plain SQL on a bottle's queue, as whoever can write the file does it.
    pub(crate) fn sql(&self, bottle: &str, statements: &str) {
        sql_on(self.root.queue_db(&slug(bottle)), statements);
    }

    /// The same on the host's database.
    pub(crate) fn host_sql(&self, statements: &str) {
        sql_on(self.root.host_db(), statements);
    }

    /// Changes what a pending proposal says behind everybody's back.
    pub(crate) fn swap(&self, proposal: &Proposal, justification: &str) {
        self.sql(&proposal.bottle_slug, "DROP TRIGGER supervise_proposals_fixed");
        let id = &proposal.id;
        let change =
            format!("UPDATE supervise_proposals SET justification = '{justification}' WHERE id = '{id}'");
        self.sql(&proposal.bottle_slug, &change);
    }
}

fn sql_on(path: PathBuf, statements: &str) {
    block_on(async {
        let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path))
            .await
            .unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}

pub(crate) fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A proposal with a fixed id, old enough for its age to be a number that no test waits for.
pub(crate) fn fixed(bottle: &str, number: u128, tool: Tool, payload: &str, why: &str) -> Proposal {
    // Version 4, variant 1, and the number at the end.
    let id = uuid::Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0000 | number);
    let far_ahead = time::macros::datetime!(2999-01-01 00:00 UTC) + time::Duration::seconds(number as i64);
    Proposal::new(&slug(bottle), tool, payload, why)
        .with_id(id)
        .with_arrival(far_ahead)
}
