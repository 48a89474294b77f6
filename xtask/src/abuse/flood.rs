//! Proposals as fast as they go: under the usual limits, and withdrawn again until the queue is full.

use std::cell::Cell;
use std::net::SocketAddr;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::exchange::exchange;
use super::ground::{Ground, Sidecar, ask, post, runtime, trouble};
use super::{Args, Reading, quantile};
use crate::command::{Failed, say};

const CALLERS: usize = 32;
const QUEUE_LIMIT: f64 = 8.0 * 1024.0 * 1024.0;
const DOCKERFILE_BYTES: usize = 30_000;
/// So short that a call's end is its commit's.
const PATIENCE: (&str, &str) = ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "0.001");

/// What a flooding client sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wave {
    /// Hosts that no other call names.
    Hosts,
    /// Large files, each withdrawn as soon as its id is known.
    FilesAndBack,
}

#[derive(Default)]
struct Answers {
    pending: Cell<u64>,
    withdrawn: Cell<u64>,
    refused: Cell<u64>,
    other: Cell<u64>,
}

/// What the operator and another bottle saw.
#[derive(Default)]
struct Seen {
    list: Vec<f64>,
    neighbour: Vec<f64>,
    queue_bytes: f64,
}

pub(super) fn run(args: &Args) -> Result<Vec<Reading>, Failed> {
    let mut readings = wave(args, Wave::Hosts, "proposals", &[PATIENCE])?;
    let limit = (QUEUE_LIMIT as u64).to_string();
    let settings = [
        PATIENCE,
        ("SUPERVISE_MAX_PENDING", "0"),
        ("SUPERVISE_MAX_PROPOSALS_PER_MINUTE", "0"),
        ("SUPERVISE_MAX_QUEUE_BYTES", &limit),
    ];
    readings.extend(wave(args, Wave::FilesAndBack, "files and back", &settings)?);
    Ok(readings)
}

fn wave(args: &Args, wave: Wave, name: &str, settings: &[(&str, &str)]) -> Result<Vec<Reading>, Failed> {
    say(&format!("a flood of {name} for {} s", args.seconds));
    let ground = Ground::new(args)?;
    let flooded = ground.sidecar("flooded", settings)?;
    let quiet = ground.sidecar("quiet", &[PATIENCE])?;
    let mut calm = Seen::default();
    for _ in 0..100 {
        look(&ground, &flooded, &quiet, &mut calm)?;
    }
    let ended = Arc::new(AtomicBool::new(false));
    let flood = {
        let (address, ended, seconds) = (flooded.address, Arc::clone(&ended), args.seconds);
        std::thread::spawn(move || {
            let answers = flood(address, wave, Duration::from_secs(seconds));
            ended.store(true, Ordering::Relaxed);
            answers
        })
    };
    let mut seen = Seen::default();
    while !ended.load(Ordering::Relaxed) {
        look(&ground, &flooded, &quiet, &mut seen)?;
    }
    let answers = flood.join().map_err(|_| Failed::new("the flood panicked"))??;
    let most = if wave == Wave::FilesAndBack {
        QUEUE_LIMIT
    } else {
        256.0 * 1024.0 * 1024.0
    };
    let what = |text: &str| format!("{name}: {text}");
    Ok(vec![
        Reading::plain(what("answered as pending"), answers.pending.get() as f64, ""),
        Reading::plain(what("withdrawn"), answers.withdrawn.get() as f64, ""),
        Reading::plain(what("refused by a limit"), answers.refused.get() as f64, ""),
        Reading::at_most(what("answered otherwise"), answers.other.get() as f64, "", 0.0),
        Reading::at_most(
            what("no limit was met"),
            f64::from(u8::from(answers.refused.get() == 0)),
            "",
            0.0,
        ),
        Reading::plain(
            what("supervise list before, p50"),
            quantile(&mut calm.list, 0.5),
            "ms",
        ),
        Reading::plain(what("supervise list, p50"), quantile(&mut seen.list, 0.5), "ms"),
        Reading::at_most(
            what("supervise list, p99"),
            quantile(&mut seen.list, 0.99),
            "ms",
            50.0,
        )
        .if_release(args),
        Reading::plain(
            what("another bottle's call before, p50"),
            quantile(&mut calm.neighbour, 0.5),
            "ms",
        ),
        Reading::plain(
            what("another bottle's call before, p99"),
            quantile(&mut calm.neighbour, 0.99),
            "ms",
        ),
        Reading::plain(
            what("another bottle's call, p50"),
            quantile(&mut seen.neighbour, 0.5),
            "ms",
        ),
        Reading::at_most(
            what("another bottle's call, p99"),
            quantile(&mut seen.neighbour, 0.99),
            "ms",
            100.0,
        )
        .if_release(args),
        Reading::at_most(
            what("queue's files at most"),
            seen.queue_bytes / 1024.0,
            "KiB",
            most / 1024.0,
        ),
        Reading::plain(what("memory afterwards"), flooded.resident_mib()?, "MiB"),
        Reading::at_most(what("panics"), flooded.metric("supervise_panics_total")?, "", 0.0),
        Reading::at_most(
            what("lines in the log"),
            flooded.log().lines().count() as f64,
            "",
            10.0 + 3.0 * args.seconds as f64,
        ),
    ])
}

/// One look of everybody who isn't flooding.
fn look(ground: &Ground, flooded: &Sidecar, quiet: &Sidecar, seen: &mut Seen) -> Result<(), Failed> {
    let begun = Instant::now();
    let listed = ground.list().stdout(Stdio::null()).output();
    let listed = listed.map_err(trouble("running supervise list"))?;
    seen.list.push(begun.elapsed().as_secs_f64() * 1e3);
    if !listed.status.success() {
        let said = String::from_utf8_lossy(&listed.stderr);
        return Err(Failed::new(format!(
            "supervise list failed during a flood: {}",
            said.trim()
        )));
    }
    let begun = Instant::now();
    // Always the same one: it is stored once and joined from then on, which is a write as well.
    let answer = ask(
        quiet.address,
        &post(&call("egress-allow", &host("neighbour")).to_string()),
    );
    seen.neighbour.push(begun.elapsed().as_secs_f64() * 1e3);
    if !answer.is_ok_and(|answer| answer.contains("status: pending")) {
        return Err(Failed::new("another bottle's call failed during a flood"));
    }
    seen.queue_bytes = seen.queue_bytes.max(flooded.queue_bytes());
    Ok(())
}

fn flood(address: SocketAddr, wave: Wave, time: Duration) -> Result<Answers, Failed> {
    let runtime = runtime()?;
    let answers = Rc::new(Answers::default());
    runtime.block_on(async {
        let local = LocalSet::new();
        for caller in 0..CALLERS {
            let answers = Rc::clone(&answers);
            local.spawn_local(async move {
                for round in 0.. {
                    turn(address, wave, caller, round, &answers).await;
                }
            });
        }
        local.run_until(tokio::time::sleep(time)).await;
        // Dropped here, what is under way is cut off.
        drop(local);
    });
    Rc::into_inner(answers).ok_or_else(|| Failed::new("a caller is left over"))
}

async fn turn(address: SocketAddr, wave: Wave, caller: usize, round: u64, answers: &Answers) {
    let name = format!("h{caller}-{round}");
    let body = match wave {
        Wave::Hosts => call("egress-allow", &host(&name)),
        Wave::FilesAndBack => {
            let dockerfile = format!("# {name}\n{}", "x".repeat(DOCKERFILE_BYTES));
            call(
                "capability-block",
                &json!({"dockerfile": dockerfile, "justification": "why"}),
            )
        }
    };
    let answer = send(address, &body).await;
    let id = answer.split("proposal: ").nth(1).and_then(|rest| rest.get(..36));
    match id {
        Some(id) if answer.contains("status: pending") => {
            answers.pending.set(answers.pending.get() + 1);
            let withdraw = call("withdraw-proposal", &json!({"proposal_id": id}));
            let withdrawn = send(address, &withdraw).await.contains("status: withdrawn");
            answers
                .withdrawn
                .set(answers.withdrawn.get() + u64::from(withdrawn));
        }
        None if answer.contains("status: refused") => answers.refused.set(answers.refused.get() + 1),
        _ => answers.other.set(answers.other.get() + 1),
    }
}

async fn send(address: SocketAddr, body: &Value) -> String {
    let answer = exchange(address, post(&body.to_string()).as_bytes()).await;
    let exchanged = answer.ok().flatten();
    exchanged.map_or_else(String::new, |exchanged| {
        String::from_utf8_lossy(&exchanged.answer).into_owned()
    })
}

fn call(tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

fn host(name: &str) -> Value {
    json!({"host": format!("{name}.flood.example"), "justification": "why"})
}
