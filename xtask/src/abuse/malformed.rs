//! Malformed requests, one after the other on a few connections at a time.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use tokio::task::LocalSet;

use super::exchange::exchange;
use super::ground::{Ground, Sidecar, runtime, trouble};
use super::mutation::request;
use super::verdict::judge;
use super::{Args, Reading};
use crate::command::{Failed, say};

const CALLERS: u64 = 16;
/// What is remembered of what was found, the rest is counted.
const SHOWN: usize = 20;

struct Work {
    address: SocketAddr,
    seed: u64,
    next: Cell<u64>,
    end: u64,
    found: RefCell<Vec<String>>,
}

pub(super) fn run(args: &Args) -> Result<Vec<Reading>, Failed> {
    say(&format!(
        "malformed requests {} to {} of seed {}",
        args.first,
        args.first + args.requests,
        args.seed
    ));
    let ground = Ground::new(args)?;
    let sidecar = ground.sidecar("malformed", &[("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "0.01")])?;
    let runtime = runtime()?;
    let begun = Instant::now();
    // A tenth of the work fills every buffer that is kept.
    let warm = args.first + args.requests.div_ceil(10);
    let mut found = runtime.block_on(send(&sidecar, args.seed, args.first, warm))?;
    let resident = sidecar.resident_mib()?;
    found.extend(runtime.block_on(send(&sidecar, args.seed, warm, args.first + args.requests))?);
    let seconds = begun.elapsed().as_secs_f64();
    found.iter().take(SHOWN).for_each(|line| say(line));
    let grown = sidecar.resident_mib()? - resident;
    let lines = sidecar.log().lines().count() as f64;
    Ok(vec![
        Reading::plain("requests per second", args.requests as f64 / seconds, "/s"),
        Reading::at_most("found", found.len() as f64, "", 0.0),
        Reading::at_most("panics", sidecar.metric("supervise_panics_total")?, "", 0.0),
        Reading::at_most(
            "not healthy afterwards",
            f64::from(u8::from(!sidecar.is_healthy())),
            "",
            0.0,
        ),
        Reading::plain("memory after a tenth", resident, "MiB"),
        Reading::at_most("memory grown since", grown, "MiB", 4.0),
        Reading::plain(
            "connections turned out",
            sidecar.metric("supervise_connections_evicted_total")?,
            "",
        ),
        // Two kinds of line, each once a second, besides those of the start.
        Reading::at_most("lines in the log", lines, "", 10.0 + 2.0 * seconds),
    ])
}

async fn send(sidecar: &Sidecar, seed: u64, first: u64, end: u64) -> Result<Vec<String>, Failed> {
    let work = Rc::new(Work {
        address: sidecar.address,
        seed,
        next: Cell::new(first),
        end,
        found: RefCell::default(),
    });
    let local = LocalSet::new();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| local.spawn_local(call(Rc::clone(&work))))
        .collect();
    local.await;
    for caller in callers {
        let ended = caller.await.map_err(|error| Failed::new(error.to_string()))?;
        ended.map_err(trouble("connecting"))?;
    }
    Ok(work.found.take())
}

async fn call(work: Rc<Work>) -> std::io::Result<()> {
    loop {
        let number = work.next.get();
        if number >= work.end {
            return Ok(());
        }
        work.next.set(number + 1);
        let request = request(work.seed, number);
        let judged = match exchange(work.address, &request).await? {
            Some(exchanged) => judge(&request, &exchanged.answer)
                .map_err(|problem| format!("{problem} ({})", exchanged.ends)),
            None => Err("the server hangs".to_owned()),
        };
        if let Err(problem) = judged {
            let again = format!(
                "cargo xtask abuse malformed --requests 1 --seed {} --first {number}",
                work.seed
            );
            let shown: String = request.escape_ascii().to_string().chars().take(400).collect();
            work.found
                .borrow_mut()
                .push(format!("  {problem}: {again}\n    {shown}"));
        }
    }
}
