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
/// On a busy machine some; without an end a bottle that nobody can read would never be told.
const MAX_RUNS: usize = 200;

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

/// One operator's run: what it printed, and how it ended.
struct Run {
    lines: Vec<Value>,
    code: Option<i32>,
    complaint: String,
}

/// Who decides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Ours,
    Python,
}

/// Who decided what: the operator's number and the status.
type Wins = BTreeMap<String, (usize, String)>;

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    say(&format!("race: {} proposals, seed {seed}", args.proposals));
    let operators = operators()?;
    let (world, ledger) = (World::new(&[SLUG.to_owned()])?, Ledger::default());
    let ids = fill(&world, &ledger, args.proposals);
    let mut random = Random::new(seed);
    let orders: Vec<Vec<String>> = operators.iter().map(|_| random.shuffled(&ids)).collect();
    let runs = race(&world, &operators, &orders)?;
    for (number, (operator, run)) in operators.iter().zip(&runs).enumerate() {
        if let Some(what) = fault(*operator, run, ids.len()) {
            ledger.find(format!("operator {number} {what}"));
        }
    }
    let wins = winners(&runs, &ledger);
    losers(&runs, &wins, &ledger);
    for id in ids.iter().filter(|id| !wins.contains_key(*id)) {
        ledger.find(format!("{id} was decided by nobody"));
    }
    entries(&world, &operators, &wins, &ledger)?;
    answers(&world, &wins, &ledger);
    world.expect_no_panic(&ledger);
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

/// The last is the Python program, where it is named; who names it wants it to take part.
fn operators() -> Result<[Operator; OPERATORS], Failed> {
    let mut operators = [Operator::Ours; OPERATORS];
    if original::is_named() {
        original::folder()?;
        operators[OPERATORS - 1] = Operator::Python;
        say("race: the last operator is the Python program");
    } else {
        say("race: all operators are ours, for SUPERVISE_ORIGINAL names no Python program");
    }
    Ok(operators)
}

/// Starts all of them, and collects what each of them prints.
fn race(world: &World, operators: &[Operator], orders: &[Vec<String>]) -> Result<Vec<Run>, Failed> {
    std::thread::scope(|threads| {
        let all = operators.iter().zip(orders).enumerate();
        let running: Vec<_> = all
            .map(|(number, (operator, order))| {
                threads.spawn(move || match operator {
                    Operator::Ours => insist(world, number, order),
                    Operator::Python => run_to_end(&mut python(world)?, order),
                })
            })
            .collect();
        let panicked = || Failed::new("a thread that waits for an operator panicked");
        let ends = running.into_iter();
        ends.map(|end| end.join().map_err(|_| panicked())?).collect()
    })
}

/// A run of ours leaves a bottle out for good that was busy for a quarter of a second. Whoever wants its proposals
/// decided starts it again with the rest.
fn insist(world: &World, number: usize, order: &[String]) -> Result<Run, Failed> {
    let (mut rest, mut lines) = (order.to_vec(), Vec::new());
    for _ in 0..MAX_RUNS {
        let run = run_to_end(&mut ours(world, number, &rest), &rest)?;
        let unread = |line: &Value| field(line, "error").ends_with("in the bottles that can be read");
        let (left, said): (Vec<_>, Vec<_>) = run.lines.into_iter().partition(unread);
        lines.extend(said);
        rest = left.iter().map(|line| field(line, "id").to_owned()).collect();
        if rest.is_empty() {
            return Ok(Run { lines, ..run });
        }
    }
    Err(Failed::new(format!(
        "operator {number} never got to read {} proposals",
        rest.len()
    )))
}

fn run_to_end(command: &mut Command, order: &[String]) -> Result<Run, Failed> {
    let mut child = command.spawn().map_err(trouble("starting an operator"))?;
    // Ours has no stdin and has its ids already.
    let input = child.stdin.take();
    let output = std::thread::scope(|threads| {
        // It answers while it is still being told.
        threads.spawn(|| input.map(|mut input| input.write_all(order.join("\n").as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(trouble("waiting for an operator"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let lines = said.lines().filter_map(|line| serde_json::from_str(line).ok());
    Ok(Run {
        lines: lines.collect(),
        code: output.status.code(),
        complaint: String::from_utf8_lossy(&output.stderr)
            .chars()
            .take(300)
            .collect(),
    })
}

fn ours(world: &World, number: usize, order: &[String]) -> Command {
    let verb: &[&str] = match number % 2 {
        0 => &["approve", "--json"],
        _ => &["reject", "--json", "--notes", "no"],
    };
    let ids: Vec<&str> = order.iter().map(String::as_str).collect();
    world.program(&[verb, &ids].concat())
}

fn python(world: &World) -> Result<Command, Failed> {
    let mut python = Command::new("python3");
    python
        .arg("xtask/src/torture/respond.py")
        .arg(original::folder()?)
        .arg(world.root().join("queue").join(SLUG))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(python)
}

/// What keeps a run from counting as an operator's that tried every proposal.
fn fault(operator: Operator, run: &Run, proposals: usize) -> Option<String> {
    let Run {
        lines,
        code,
        complaint,
    } = run;
    let (good, tried) = match operator {
        Operator::Ours => (matches!(code, Some(0 | 4)), lines.len() as u64),
        Operator::Python => {
            let tried = lines.iter().find_map(|line| line["tried"].as_u64());
            (*code == Some(0), tried.unwrap_or_default())
        }
    };
    let whole = good && tried == proposals as u64;
    (!whole).then(|| format!("ended with {code:?} and tried {tried} of {proposals} proposals: {complaint}"))
}

fn winners(runs: &[Run], ledger: &Ledger) -> Wins {
    let mut wins = Wins::new();
    for (number, run) in runs.iter().enumerate() {
        for line in run.lines.iter().filter(|line| line["status"].is_string()) {
            let (id, status) = (field(line, "id"), field(line, "status"));
            if let Some((other, _)) = wins.insert(id.to_owned(), (number, status.to_owned())) {
                ledger.find(format!("{id} was won by operators {other} and {number}"));
            }
        }
    }
    wins
}

/// Whoever lost was told who won. The Python program only learns that it lost.
fn losers(runs: &[Run], wins: &Wins, ledger: &Ledger) {
    let lines = runs.iter().flat_map(|run| &run.lines);
    for line in lines.filter(|line| line["error"].is_string()) {
        let (id, error) = (field(line, "id"), field(line, "error"));
        let won = wins.get(id).map_or("", |(_, status)| status);
        if line["exit_code"] != 4 || !error.ends_with(&format!("already {won}")) {
            ledger.find(format!("{id} is {won}, and a loser was told {line}"));
        }
    }
}

/// Each decision of ours has one entry, and there is no other.
fn entries(world: &World, operators: &[Operator], wins: &Wins, ledger: &Ledger) -> Result<(), Failed> {
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
    for (id, (number, status)) in wins {
        let expected = (operators[*number] == Operator::Ours).then_some(status);
        if entries.get(id) != expected {
            ledger.find(format!(
                "{id} was {status} by operator {number}, its entry says {:?}",
                entries.get(id)
            ));
        }
    }
    Ok(())
}

/// Every agent that asks is told the winner's word.
fn answers(world: &World, wins: &Wins, ledger: &Ledger) {
    let next = AtomicUsize::new(0);
    let wins: Vec<_> = wins.iter().collect();
    std::thread::scope(|threads| {
        for _ in 0..AGENTS {
            threads.spawn(|| {
                while let Some((id, (_, status))) = wins.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = world.bottles[0].call("check-proposal", &json!({"proposal_id": id}));
                    let told = told.map_or_else(String::new, |told| told.status);
                    if told != *status {
                        ledger.find(format!("{id} is {status}, and an agent is told '{told}'"));
                    }
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(code: i32, lines: &[Value]) -> Run {
        Run {
            lines: lines.to_vec(),
            code: Some(code),
            complaint: "why".to_owned(),
        }
    }

    #[test]
    fn an_operator_that_did_not_try_everything_is_found() {
        let line = json!({"id": "x", "status": "approved"});
        let two = [line.clone(), line.clone()];
        for code in [0, 4] {
            assert_eq!(fault(Operator::Ours, &run(code, &two), 2), None);
        }
        for broken in [run(2, &two), run(0, &two[..1]), run(0, &[]), run(101, &[])] {
            let said = fault(Operator::Ours, &broken, 2);
            assert!(said.is_some_and(|said| said.ends_with("why")));
        }
    }

    #[test]
    fn python_says_how_many_it_tried() {
        let lines = [json!({"id": "x", "status": "approved"}), json!({"tried": 2})];
        assert_eq!(fault(Operator::Python, &run(0, &lines), 2), None);
        assert!(fault(Operator::Python, &run(0, &lines[..1]), 2).is_some());
        assert!(fault(Operator::Python, &run(1, &lines), 2).is_some());
        assert!(fault(Operator::Python, &run(0, &lines), 3).is_some());
    }
}
