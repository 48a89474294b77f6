//! As many requests as the server answers, for a while.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::ask::{self, Accept};
use super::connection::Connection;
use super::say;

#[derive(clap::Args)]
pub(super) struct Args {
    request: Request,
    connections: usize,
    seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Request {
    /// A call for something new, which ends as pending.
    Propose,
    ListTools,
}

/// Counted by all connections.
#[derive(Default)]
struct Counts {
    answered: Cell<u64>,
    failed: Cell<u64>,
}

pub(super) async fn run(address: SocketAddr, args: &Args) -> io::Result<()> {
    let counts = Rc::new(Counts::default());
    let begun = Instant::now();
    let end = begun + Duration::from_secs(args.seconds);
    let local = LocalSet::new();
    for number in 0..args.connections {
        let (counts, request) = (Rc::clone(&counts), args.request);
        local.spawn_local(async move { repeat(address, number, request, end, &counts).await });
    }
    // What is still under way when the time is up is left alone and not counted.
    let _ = tokio::time::timeout_at(end, local).await;
    say(&json!({
        "answered": counts.answered.get(),
        "failed": counts.failed.get(),
        "seconds": begun.elapsed().as_secs_f64(),
    }))
}

async fn repeat(address: SocketAddr, number: usize, request: Request, end: Instant, counts: &Counts) {
    let mut connection = Connection::new(address);
    let constant = ask::list_tools();
    for round in 0_u64.. {
        if Instant::now() >= end {
            return;
        }
        let answer = match request {
            Request::ListTools => connection.call(&constant).await,
            Request::Propose => {
                let unheard_of = ask::propose(&format!("caller-{number}-{round}"), Accept::Json);
                connection.call(&unheard_of).await
            }
        };
        let count = match answer {
            Ok(answer) if request.is_answered_by(&answer) => &counts.answered,
            _ => &counts.failed,
        };
        count.set(count.get() + 1);
    }
}

impl Request {
    fn is_answered_by(self, answer: &str) -> bool {
        match self {
            Request::Propose => answer.contains("status: pending"),
            Request::ListTools => answer.contains("egress-block"),
        }
    }
}
