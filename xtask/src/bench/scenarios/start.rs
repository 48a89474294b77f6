//! From nothing to a server that is well, and what it needs while nobody asks.

use std::time::Duration;

use super::{Measure, Size};
use crate::bench::reading::{Goal, Reading, percentile};
use crate::bench::server::{Ground, Server};
use crate::bench::subject::Subject;
use crate::command::Failed;

const STARTS: usize = 50;
const PATIENCE: f64 = 30.0;
const SETTLING: Duration = Duration::from_secs(1);

pub(super) fn start(subject: &Subject, size: Size) -> Measure {
    let starts = size.of(STARTS);
    let mut first = Vec::new();
    for _ in 0..starts {
        first.push(milliseconds(&Server::start(subject, &Ground::new()?, PATIENCE)?));
    }
    let ground = Ground::new()?;
    drop(Server::start(subject, &ground, PATIENCE)?);
    let mut again = Vec::new();
    for _ in 0..starts {
        again.push(milliseconds(&Server::start(subject, &ground, PATIENCE)?));
    }
    Ok(vec![
        Reading::lower("first start p50", percentile(&mut first, 0.5), "ms").goal(Goal::AtMost(15.0)),
        Reading::lower("next start p50", percentile(&mut again, 0.5), "ms").goal(Goal::AtMost(15.0)),
        Reading::lower("idle memory", idle_mib(subject, &ground)?, "MiB").goal(Goal::AtMost(6.0)),
    ])
}

fn milliseconds(server: &Server) -> f64 {
    server.start_up.as_secs_f64() * 1e3
}

fn idle_mib(subject: &Subject, ground: &Ground) -> Result<f64, Failed> {
    let server = Server::start(subject, ground, PATIENCE)?;
    std::thread::sleep(SETTLING);
    Ok(server.resident_kib()? / 1024.0)
}
