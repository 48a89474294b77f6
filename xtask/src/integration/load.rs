//! The sidecar is restarted, killed and removed while calls come in and decisions go out. What was acknowledged, a
//! proposal to the agent or a decision to the operator, is still there afterwards.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::agent::{Agent, Answer};
use super::check::{holds, wait};
use super::operator::{Operator, id};
use super::sidecar::Sidecar;
use super::site::Site;
use super::story::{ask, run_egress};
use crate::command::{Failed, say};

const SETTINGS: [(&str, &str); 4] = [
    ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "0.3"),
    ("SUPERVISE_MAX_PENDING", "0"),
    ("SUPERVISE_MAX_PROPOSALS_PER_MINUTE", "0"),
    ("SUPERVISE_EGRESS_PROXY_URL", "http://egress:9099"),
];
const CALLERS: usize = 12;
/// How many more calls are answered before the next blow.
const BETWEEN: usize = 30;
/// Between two tries while there is no sidecar.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    answered: AtomicUsize,
    cut_off: AtomicUsize,
    /// Ids that an agent was told.
    acknowledged: Mutex<BTreeSet<String>>,
    /// Ids whose approval the operator's program called done.
    approved: Mutex<BTreeSet<String>>,
}

pub(super) fn check(site: &Site) -> Result<(), Failed> {
    let egress = run_egress(site)?;
    let sidecar = Sidecar::run(site, &SETTINGS)?;
    let agent = Agent::run(site)?;
    let seen = Seen::default();
    let (sidecar, decided) = thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (agent, seen) = (&agent, &seen);
            scope.spawn(move || call_on(agent, caller, seen));
        }
        let deciding = scope.spawn(|| decide_on(site, &seen));
        let struck = strike(site, sidecar, &seen);
        seen.stop.store(true, Ordering::Relaxed);
        let decided = deciding
            .join()
            .unwrap_or_else(|_| Err(Failed::new("the operator panicked")));
        struck.map(|sidecar| (sidecar, decided))
    })?;
    decided?;
    nothing_lost(site, &agent, &seen)?;
    drop(agent);
    sidecar.0.remove()?;
    egress.remove()
}

/// Asks for one new host after the other.
fn call_on(agent: &Agent, caller: usize, seen: &Seen) {
    for number in 0.. {
        if seen.stop.load(Ordering::Relaxed) {
            return;
        }
        let answer =
            ask(agent, &format!("c{caller}-{number}.load.example.com")).and_then(|held| held.answer());
        match answer.ok().as_ref().and_then(told_id) {
            Some(id) => {
                locked(&seen.acknowledged).insert(id.to_owned());
                seen.answered.fetch_add(1, Ordering::Relaxed);
            }
            None => {
                seen.cut_off.fetch_add(1, Ordering::Relaxed);
                thread::sleep(PAUSE);
            }
        }
    }
}

fn told_id(answer: &Answer) -> Option<&str> {
    answer.text.lines().last()?.strip_prefix("proposal: ")
}

/// Approves the oldest, again and again.
fn decide_on(site: &Site, seen: &Seen) -> Result<(), Failed> {
    let operator = Operator::of(site);
    while !seen.stop.load(Ordering::Relaxed) {
        let pending = operator.list_unless_busy()?.unwrap_or_default();
        if let Some(oldest) = pending.into_iter().next() {
            operator.decide(&["approve", id(&oldest)])?;
            locked(&seen.approved).insert(id(&oldest).to_owned());
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// What befalls a sidecar: a restart, two kills, a stop, and being replaced.
fn strike<'a>(site: &'a Site, sidecar: Sidecar<'a>, seen: &Seen) -> Result<Sidecar<'a>, Failed> {
    let after = |blow: &str, sidecar: &Sidecar<'_>| {
        sidecar.wait_until_well()?;
        work_goes_on(seen)?;
        holds(&format!("calls are answered after: {blow}"), true)
    };
    after("nothing yet", &sidecar)?;
    sidecar.0.restart()?;
    after("restart", &sidecar)?;
    for blow in ["first kill -9", "second kill -9"] {
        sidecar.0.kill()?;
        sidecar.0.start()?;
        after(blow, &sidecar)?;
    }
    sidecar.0.stop()?;
    sidecar.0.start()?;
    after("stop and start", &sidecar)?;
    sidecar.0.remove()?;
    let replaced = Sidecar::run(site, &SETTINGS)?;
    after("removal under load, and another in its place", &replaced)?;
    Ok(replaced)
}

fn work_goes_on(seen: &Seen) -> Result<(), Failed> {
    let enough = seen.answered.load(Ordering::Relaxed) + BETWEEN;
    wait("further answers", || {
        Ok((seen.answered.load(Ordering::Relaxed) >= enough).then_some(()))
    })
}

fn nothing_lost(site: &Site, agent: &Agent, seen: &Seen) -> Result<(), Failed> {
    let operator = Operator::of(site);
    let listed = wait("the list at the end", || operator.list_unless_busy())?;
    let pending: BTreeSet<String> = listed.iter().map(|row| id(row).to_owned()).collect();
    let (acknowledged, approved) = (locked(&seen.acknowledged), locked(&seen.approved));
    say(&format!(
        "   {} proposals acknowledged, {} approved, {} calls cut off, {} pending at the end",
        acknowledged.len(),
        approved.len(),
        seen.cut_off.load(Ordering::Relaxed),
        pending.len(),
    ));
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|id| !pending.contains(*id) && !approved.contains(*id))
        .collect();
    holds(
        &format!("no acknowledged proposal is lost {lost:?}"),
        lost.is_empty(),
    )?;
    let calls: Vec<_> = approved
        .iter()
        .map(|id| Ok((id, agent.call("check-proposal", &json!({"proposal_id": id}))?)))
        .collect::<Result<_, Failed>>()?;
    for (id, call) in calls {
        let told = call.answer()?.text;
        if !told.starts_with("status: approved\napplied: yes\n") {
            return Err(Failed::new(format!(
                "{id} was approved, and the agent is told: {told}"
            )));
        }
    }
    holds("every approval reaches the agent that asks", true)?;
    let entries = operator.decide(&["audit", "list", "--limit", "1000"])?;
    holds("each has its audit entry", has_all(&entries, &approved))?;
    operator.run(&["doctor"])?.expect(0)?;
    holds("doctor finds nothing wrong", true)
}

fn has_all(entries: &Value, approved: &BTreeSet<String>) -> bool {
    let entries = entries.as_array().into_iter().flatten();
    let audited: BTreeSet<_> = entries
        .filter_map(|entry| entry["proposal_id"].as_str())
        .collect();
    approved.iter().all(|id| audited.contains(id.as_str()))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
