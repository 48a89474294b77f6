//! The stories that every official client plays, each as a program of its own.
//!
//! The program is called with the server's address, a mode and a story, and writes a JSON line before and after
//! each call; a line on its stdin cancels.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use supervise_store::Verdict;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::sleep;

use crate::bottle::Server;

const FILE: &str = "{\n  \"host\": \"www.example.com\"\n}\n";

/// A client program, and the protocol it ends up speaking.
pub(crate) struct Sdk {
    /// The interpreter and its script.
    pub(crate) program: Vec<OsString>,
    pub(crate) mode: &'static str,
    pub(crate) generation: Generation,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// A cancelled or vanished call leaves its proposal pending.
    Legacy,
    /// A closed stream takes the question back.
    Modern,
}

struct Agent {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Agent {
    fn start(sdk: &Sdk, server: &Server, story: &str) -> Self {
        let mut child = Command::new(&sdk.program[0])
            .args(&sdk.program[1..])
            .args([&format!("http://{}/mcp", server.address), sdk.mode, story])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Agent {
            input: child.stdin.take().unwrap(),
            lines: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    async fn next(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap();
        serde_json::from_str(&line.expect("the client ended early")).unwrap()
    }

    /// Waits for the line that announces a call.
    async fn calls(&mut self, tool: &str) {
        assert_eq!(self.next().await["calls"], tool);
    }

    /// Waits for an answer; its text and whether it is an error.
    async fn answer(&mut self) -> (String, bool) {
        let answer = self.next().await;
        let text = answer["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
        (text.to_owned(), answer["is_error"].as_bool().unwrap_or(false))
    }

    async fn go_on(&mut self) {
        self.input.write_all(b"go on\n").await.unwrap();
    }

    async fn ends(mut self) {
        assert!(self.child.wait().await.unwrap().success());
    }
}

/// Plays every story with one client.
pub(crate) async fn play(sdk: &Sdk) {
    whole(sdk).await;
    cancelled(sdk).await;
    vanished(sdk).await;
    crowd(sdk).await;
}

/// Listed; held three seconds and approved; modified; rejected; told to check again, and approved then.
async fn whole(sdk: &Sdk) {
    let server = Server::with_patience(5.0).await;
    let mut agent = Agent::start(sdk, &server, "whole");
    let tools = agent.next().await;
    let names = tools["tools"].as_array().unwrap();
    assert_eq!((names.len(), &names[0]), (6, &json!("egress-allow")));

    let modify = Verdict::Modify {
        final_file: FILE.to_owned(),
    };
    let table = [
        (Verdict::Approve, "status: approved\nnotes: n\n", 3),
        (modify, "status: modified\nnotes: n\n", 0),
        (Verdict::Reject, "status: rejected\nnotes: n\n", 0),
    ];
    for (verdict, beginning, held) in table {
        agent.calls("egress-allow").await;
        server.pending(1).await;
        sleep(Duration::from_secs(held)).await;
        let id = server.decide(verdict.clone(), "n").await;
        let (text, is_error) = agent.answer().await;
        assert!(text.starts_with(beginning), "{text}");
        assert!(text.ends_with(&format!("\nproposal: {id}")), "{text}");
        assert_eq!(is_error, verdict == Verdict::Reject);
        assert_eq!(text.contains(FILE), matches!(verdict, Verdict::Modify { .. }));
    }
    agent.calls("egress-allow").await;
    let (text, is_error) = agent.answer().await;
    assert!(text.starts_with("status: pending\n") && !is_error, "{text}");
    agent.calls("check-proposal").await;
    let id = server.decide(Verdict::Approve, "").await;
    assert_eq!(agent.answer().await, approved(&id));
    agent.ends().await;
}

/// Cancelled half-way: a legacy client's question stays, a modern one's is taken back.
async fn cancelled(sdk: &Sdk) {
    let server = Server::start().await;
    let mut agent = Agent::start(sdk, &server, "cancels");
    agent.calls("egress-allow").await;
    let first = server.pending(1).await[0].proposal.id.clone();
    agent.go_on().await;
    assert_eq!(agent.next().await, json!({"cancelled": true}));
    asked_again(sdk, &server, &mut agent, &first).await;
    agent.ends().await;
}

/// Gone without a word, and back in another process.
async fn vanished(sdk: &Sdk) {
    let server = Server::start().await;
    let mut agent = Agent::start(sdk, &server, "asks");
    agent.calls("egress-allow").await;
    let first = server.pending(1).await[0].proposal.id.clone();
    agent.child.kill().await.unwrap();
    if sdk.generation == Generation::Legacy {
        server.decide(Verdict::Approve, "").await;
    } else {
        server.pending(0).await;
    }
    let mut again = Agent::start(sdk, &server, "asks");
    again.calls("egress-allow").await;
    answered_again(sdk, &server, &mut again, &first).await;
    again.ends().await;
}

/// What became of the cancelled question, and what the next identical one gets.
async fn asked_again(sdk: &Sdk, server: &Server, agent: &mut Agent, first: &str) {
    if sdk.generation == Generation::Legacy {
        // The notice may still be on its way; it must not take the question back when it arrives.
        sleep(Duration::from_millis(300)).await;
        assert_eq!(server.decide(Verdict::Approve, "").await, first);
    } else {
        server.pending(0).await;
    }
    agent.go_on().await;
    agent.calls("egress-allow").await;
    answered_again(sdk, server, agent, first).await;
}

/// A decision that came meanwhile is there at once; a question taken back is a new one.
async fn answered_again(sdk: &Sdk, server: &Server, agent: &mut Agent, first: &str) {
    if sdk.generation == Generation::Legacy {
        assert_eq!(agent.answer().await, approved(first));
    } else {
        let id = server.decide(Verdict::Approve, "").await;
        assert_ne!(id, first);
        assert_eq!(agent.answer().await, approved(&id));
    }
}

/// Ten at once, five of them with one question: six proposals, ten answers.
async fn crowd(sdk: &Sdk) {
    let server = Server::start().await;
    let mut agent = Agent::start(sdk, &server, "crowd");
    for _ in 0..10 {
        agent.calls("egress-allow").await;
    }
    let mut expected = Vec::new();
    for listed in &server.crowd(6, 10).await {
        let id = &listed.proposal.id;
        server.bottle.decide(id, Verdict::Approve, "").await;
        let callers = usize::try_from(listed.joined).unwrap() + 1;
        expected.extend(std::iter::repeat_n(approved(id), callers));
    }
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(agent.answer().await);
    }
    expected.sort();
    answers.sort();
    assert_eq!(answers, expected);
    agent.ends().await;
}

fn approved(id: &str) -> (String, bool) {
    (format!("status: approved\napplied: no\nproposal: {id}"), false)
}
