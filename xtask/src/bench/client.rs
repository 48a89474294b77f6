//! The process that calls: `xtask bench-client`, started by `xtask bench` so that its work is no part of
//! what is measured.

mod ask;
mod connection;
mod hold;
mod latency;
mod load;

use std::io::{self, Write as _};
use std::net::SocketAddr;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use super::program::trouble;
use crate::command::Failed;

#[derive(clap::Args)]
pub(crate) struct Args {
    address: SocketAddr,
    #[command(subcommand)]
    work: Work,
}

#[derive(clap::Subcommand)]
enum Work {
    /// One call for each line on stdin; says when its answer came
    Latency,
    /// So many calls at once; says when all are sent, and how they ended
    Hold(hold::Args),
    /// One request after the other on so many connections; says how many were answered
    Load(load::Args),
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(trouble("starting the client"))?;
    let work = async {
        match &args.work {
            Work::Latency => latency::run(args.address).await,
            Work::Hold(hold) => hold::run(args.address, hold).await,
            Work::Load(load) => load::run(args.address, load).await,
        }
    };
    runtime.block_on(work).map_err(trouble("the client"))
}

/// Each held call is a descriptor.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is forbidden, the calls that find no descriptor are counted as lost.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// CLOCK_MONOTONIC, in nanoseconds: the clock of every process here.
fn now() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn say(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}
