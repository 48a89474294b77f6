//! Many calls held at once: what each costs, and how long it takes to answer them all.

use std::time::{Duration, Instant};

use super::{Measure, Size};
use crate::bench::agent::{Agent, number};
use crate::bench::operator::Operator;
use crate::bench::reading::{Goal, Reading};
use crate::bench::server::{Ground, Server};
use crate::bench::subject::Subject;
use crate::command::{Failed, say};

const PATIENCE: f64 = 900.0;
/// Two rounds of a progress event every 12 s.
const CPU_WINDOW: Duration = Duration::from_secs(24);
/// Between the last change and measuring.
const SETTLING: Duration = Duration::from_secs(3);
/// A server that has stored nothing new for so long has lost the rest.
const STALLED: Duration = Duration::from_secs(15);

/// What is held, and what it may cost.
struct Crowd {
    calls: usize,
    accept: &'static str,
    goals: Option<Goals>,
}

struct Goals {
    kib_each: f64,
    cpu_percent: f64,
    release_ms: f64,
}

/// As many as the original was ever seen to hold, for everybody.
pub(super) fn few(subject: &Subject, _: Size) -> Measure {
    let crowd = Crowd {
        calls: 200,
        accept: "json",
        goals: None,
    };
    measure(subject, &crowd)
}

pub(super) fn many(subject: &Subject, size: Size) -> Measure {
    let goals = Goals {
        kib_each: 16.0,
        cpu_percent: 0.5,
        release_ms: 1000.0,
    };
    full(subject, size, "json", goals)
}

pub(super) fn many_with_progress(subject: &Subject, size: Size) -> Measure {
    let goals = Goals {
        kib_each: 24.0,
        cpu_percent: 4.0,
        release_ms: f64::INFINITY,
    };
    full(subject, size, "progress", goals)
}

fn full(subject: &Subject, size: Size, accept: &'static str, goals: Goals) -> Measure {
    let crowd = Crowd {
        calls: size.of(10_000),
        accept,
        goals: Some(goals),
    };
    measure(subject, &crowd)
}

fn measure(subject: &Subject, crowd: &Crowd) -> Result<Vec<Reading>, Failed> {
    let ground = Ground::new()?;
    let server = Server::start(subject, &ground, PATIENCE)?;
    std::thread::sleep(SETTLING);
    let empty_kib = server.resident_kib()?;
    let arguments = ["hold", &crowd.calls.to_string(), crowd.accept, "300"].map(str::to_owned);
    let begun = Instant::now();
    let mut agent = Agent::start(server.address, &arguments)?;
    agent.hear()?;
    let mut operator = Operator::at(&ground)?;
    let held = wait_until_held(&mut operator, crowd.calls)?;
    say(&format!(
        "      {held} of {} held after {:.1} s",
        crowd.calls,
        begun.elapsed().as_secs_f64()
    ));
    std::thread::sleep(SETTLING);
    let kib_each = (server.resident_kib()? - empty_kib) / held as f64;
    let cpu_percent = server.cpu_percent(CPU_WINDOW)?;
    let (committed_at, _) = operator.decide_all()?;
    let ended = agent.hear()?;
    if let Some(example) = ended.get("example").and_then(|example| example.as_str()) {
        say(&format!("      lost by: {}", example.trim_end()));
    }
    let release_ms = (number(&ended, "last_at") - committed_at as f64) / 1e6;
    let kib_full = server.resident_kib()?;
    say(&format!(
        "      {} progress events; {kib_full} KiB after the release",
        number(&ended, "progress")
    ));
    Ok(readings(
        crowd,
        number(&ended, "lost"),
        [kib_each, cpu_percent, release_ms],
    ))
}

fn readings(crowd: &Crowd, lost: f64, [kib_each, cpu_percent, release_ms]: [f64; 3]) -> Vec<Reading> {
    let mut lost = Reading::lower(format!("lost of {}", crowd.calls), lost, "");
    let mut kib_each = Reading::lower("memory each", kib_each, "KiB");
    let mut cpu_percent = Reading::lower("CPU while held", cpu_percent, "%");
    let mut release = Reading::lower("all answered after", release_ms, "ms");
    if let Some(goals) = &crowd.goals {
        lost = lost.goal(Goal::AtMost(0.0));
        kib_each = kib_each.goal(Goal::AtMost(goals.kib_each));
        cpu_percent = cpu_percent.goal(Goal::AtMost(goals.cpu_percent));
        if goals.release_ms.is_finite() {
            release = release.goal(Goal::AtMost(goals.release_ms));
        }
    }
    vec![lost, kib_each, cpu_percent, release]
}

/// How many are pending once all are, or once their number no longer rises.
fn wait_until_held(operator: &mut Operator, calls: usize) -> Result<u64, Failed> {
    let (mut most, mut risen_at) = (0, Instant::now());
    while most < calls as u64 && risen_at.elapsed() < STALLED {
        let pending = operator.count_pending()?;
        if pending > most {
            (most, risen_at) = (pending, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(most)
}
