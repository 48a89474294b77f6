//! An operator who decides whatever is there, by the operator's program.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ledger::Ledger;
use super::random::Random;
use super::world::World;

/// Exit codes that a decision may honestly have here: done, no longer there, decided by an earlier run that was
/// killed before it could say so.
const HONEST: [i32; 3] = [0, 3, 4];
/// A bottle has 250 ms to answer, a fleet two seconds, and a machine under load takes them.
const BUSY: [&str; 2] = [
    "the database is locked by another program",
    "it gave no answer within",
];
const RESTS_WITHIN: Duration = Duration::from_secs(30);
const LIST_EVERY: Duration = Duration::from_millis(100);

pub(super) fn decide(world: &World, ledger: &Ledger, mut random: Random, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let listed = list(world, ledger);
        for _ in 0..listed.len().min(4) {
            if let Some(one) = random.one_of(&listed) {
                one_decision(world, ledger, &mut random, one);
            }
        }
    }
}

/// What is pending; nothing when the program was killed, or another one had the queue locked for too long.
pub(super) fn list(world: &World, ledger: &Ledger) -> Vec<Value> {
    try_list(world, ledger).unwrap_or_default()
}

/// What is pending once everything has come to rest.
pub(super) fn list_at_rest(world: &World, ledger: &Ledger) -> Vec<Value> {
    let until = Instant::now() + RESTS_WITHIN;
    loop {
        match try_list(world, ledger) {
            Some(listed) => return listed,
            None if Instant::now() >= until => break,
            None => std::thread::sleep(LIST_EVERY),
        }
    }
    ledger.find(format!("nothing was listed for {} s", RESTS_WITHIN.as_secs()));
    Vec::new()
}

fn try_list(world: &World, ledger: &Ledger) -> Option<Vec<Value>> {
    let output = world.supervise(&["list", "--json"]).ok()?;
    if !output.status.success() {
        note(ledger, "list", &output, &[0]);
        return None;
    }
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
    for one in &listed {
        ledger.seen(field(one, "id"), &host(one));
    }
    Some(listed)
}

/// Whether the operator finds it.
pub(super) fn is_there(world: &World, id: &str) -> bool {
    let until = Instant::now() + RESTS_WITHIN;
    while let Ok(output) = world.supervise(&["show", id, "--json"]) {
        if !is_busy(&output) || Instant::now() >= until {
            let shown = serde_json::from_slice::<Value>(&output.stdout);
            return shown.is_ok_and(|shown| field(&shown, "id") == id);
        }
        std::thread::sleep(LIST_EVERY);
    }
    false
}

fn is_busy(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    !output.status.success() && BUSY.iter().any(|busy| said.contains(busy))
}

fn one_decision(world: &World, ledger: &Ledger, random: &mut Random, one: &Value) {
    let bound = format!("{}@{}", field(one, "id"), field(one, "digest"));
    let verb: &[&str] = match random.below(4) {
        0 => &["reject", "--json", "--notes", "no"],
        _ => &["approve", "--json"],
    };
    let Ok(output) = world.supervise(&[verb, &[&bound]].concat()) else {
        return;
    };
    note(ledger, verb[0], &output, &HONEST);
    if output.status.success()
        && let Ok(said) = serde_json::from_slice::<Value>(&output.stdout)
    {
        ledger.decided(field(&said, "id"), field(&said, "status"));
    }
}

/// A program that was killed may say anything; one that ended by itself may fail only if something was too slow.
fn note(ledger: &Ledger, verb: &str, output: &Output, honest: &[i32]) {
    let excused = output.status.signal().is_some() || is_busy(output);
    if !excused && !output.status.code().is_some_and(|code| honest.contains(&code)) {
        let said = String::from_utf8_lossy(&output.stderr).replace('\n', " / ");
        ledger.find(format!("{verb} ended with {}: {said}", output.status));
    }
}

pub(super) fn field<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The host that a listed proposal asks for.
fn host(listed: &Value) -> String {
    let file: Value = serde_json::from_str(field(listed, "proposed_file")).unwrap_or_default();
    field(&file, "host").to_owned()
}
