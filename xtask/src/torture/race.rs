//! Operators that decide everything at once, one of them the Python program: one winner for each proposal.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::ledger::Ledger;
use super::operator::field;
use super::random::{Random, fresh_seed};
use super::verdict;
use super::world::{World, trouble};
use crate::ci::original;
use crate::command::{Failed, say};

const OPERATORS: usize = 8;
const AGENTS: usize = 64;
const SLUG: &str = "torture";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many proposals they race for
    #[arg(long, default_value_t = 1_000)]
    proposals: usize,
    /// Repeats the orders of an earlier run
    #[arg(long)]
    seed: Option<u64>,
}

impl Args {
    pub(super) fn short() -> Self {
        Args {
            proposals: 1_000,
            seed: None,
        }
    }
}

/// Who decided what: the operator's number and the status.
type Wins = BTreeMap<String, (usize, String)>;

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    say(&format!("race: {} proposals, seed {seed}", args.proposals));
    let (world, ledger) = (World::new(&[SLUG.to_owned()])?, Ledger::default());
    let ids = fill(&world, &ledger, args.proposals);
    let mut random = Random::new(seed);
    let orders: Vec<Vec<String>> = (0..OPERATORS).map(|_| random.shuffled(&ids)).collect();
    let said = race(&world, &orders)?;
    let wins = winners(&said, &ledger);
    losers(&said, &wins, &ledger);
    for id in ids.iter().filter(|id| !wins.contains_key(*id)) {
        ledger.find(format!("{id} was decided by nobody"));
    }
    entries(&world, &wins, &ledger)?;
    let shares: Vec<usize> = (0..OPERATORS)
        .map(|number| wins.values().filter(|(winner, _)| *winner == number).count())
        .collect();
    say(&format!("race: wins of each operator {shares:?}"));
    verdict("race", seed, &ledger.findings())
}

/// Makes so many pending proposals, by agents that nobody answers in time.
fn fill(world: &World, ledger: &Ledger, proposals: usize) -> Vec<String> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..AGENTS {
            threads.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= proposals {
                        break;
                    }
                    let host = format!("r{number}.example.com");
                    let arguments = json!({"host": host, "justification": "the race needs it"});
                    match world.bottles[0].call("egress-allow", &arguments) {
                        Some(told) => ledger.answered(&told.id, &host, &told.status),
                        None => ledger.find(format!("{host} was not answered")),
                    }
                }
            });
        }
    });
    ledger.book().acknowledged.keys().cloned().collect()
}

/// Starts all of them, and collects the JSON lines of each. The last is the Python program, where it is there.
fn race(world: &World, orders: &[Vec<String>]) -> Result<Vec<Vec<Value>>, Failed> {
    let mut running = Vec::new();
    for (number, order) in orders.iter().enumerate() {
        let mut command = operator(world, number, order);
        let child = command.spawn().map_err(trouble("starting an operator"))?;
        running.push((child, order));
    }
    let mut said = Vec::new();
    for (mut child, order) in running {
        if let Some(mut input) = child.stdin.take() {
            // Ours reads none of it and has its ids already.
            let _ = input.write_all(order.join("\n").as_bytes());
        }
        let output = child
            .wait_with_output()
            .map_err(trouble("waiting for an operator"))?;
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push(
            lines
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect(),
        );
    }
    Ok(said)
}

fn operator(world: &World, number: usize, order: &[String]) -> Command {
    if number + 1 == OPERATORS
        && let Ok(folder) = original::folder()
    {
        let mut python = Command::new("python3");
        python
            .arg("xtask/src/torture/respond.py")
            .arg(folder)
            .arg(world.root().join("queue").join(SLUG))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        return python;
    }
    let verb: &[&str] = match number % 2 {
        0 => &["approve", "--json"],
        _ => &["reject", "--json", "--notes", "no"],
    };
    let ids: Vec<&str> = order.iter().map(String::as_str).collect();
    world.program(&[verb, &ids].concat())
}

fn winners(said: &[Vec<Value>], ledger: &Ledger) -> Wins {
    let mut wins = Wins::new();
    for (number, lines) in said.iter().enumerate() {
        for line in lines.iter().filter(|line| line["status"].is_string()) {
            let (id, status) = (field(line, "id"), field(line, "status"));
            if let Some((other, _)) = wins.insert(id.to_owned(), (number, status.to_owned())) {
                ledger.find(format!("{id} was won by operators {other} and {number}"));
            }
        }
    }
    wins
}

/// Whoever lost was told who won. The Python program only learns that it lost.
fn losers(said: &[Vec<Value>], wins: &Wins, ledger: &Ledger) {
    for line in said.iter().flatten().filter(|line| line["error"].is_string()) {
        let (id, error) = (field(line, "id"), field(line, "error"));
        let won = wins.get(id).map_or("", |(_, status)| status);
        if line["exit_code"] != 4 || !error.ends_with(&format!("already {won}")) {
            ledger.find(format!("{id} is {won}, and a loser was told {line}"));
        }
    }
}

/// Each decision of ours has one entry, and there is no other.
fn entries(world: &World, wins: &Wins, ledger: &Ledger) -> Result<(), Failed> {
    world.said(&["audit", "verify"])?;
    let mut entries = BTreeMap::new();
    for line in world.said(&["audit", "export"])?.lines() {
        let entry: Value =
            serde_json::from_str(line).map_err(|error| Failed::new(format!("audit export: {error}")))?;
        let (id, action) = (field(&entry, "proposal_id"), field(&entry, "operator_action"));
        if entries.insert(id.to_owned(), action.to_owned()).is_some() {
            ledger.find(format!("{id} has two audit entries"));
        }
    }
    let python = original::folder().is_ok().then_some(OPERATORS - 1);
    for (id, (number, status)) in wins {
        let expected = (Some(*number) != python).then_some(status);
        if entries.get(id) != expected {
            ledger.find(format!(
                "{id} was {status} by operator {number}, its entry says {:?}",
                entries.get(id)
            ));
        }
    }
    Ok(())
}
