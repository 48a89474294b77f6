//! From the operator's commit to the answer in the agent's hands.

use super::{Measure, Size};
use crate::bench::agent::{Agent, number};
use crate::bench::fleet::Fleet;
use crate::bench::mounted::Mounted;
use crate::bench::operator::{Operator, Way};
use crate::bench::reading::{Goal, Reading, percentile};
use crate::bench::server::{Ground, Server};
use crate::bench::subject::Subject;
use crate::ci::postgres;
use crate::command::{Failed, say};

const ROUNDS: usize = 500;
const PATIENCE: f64 = 30.0;

pub(super) fn through_store(subject: &Subject, size: Size) -> Measure {
    readings(measure(subject, size, Way::Store)?, [0.5, 3.0])
}

pub(super) fn by_plain_sql(subject: &Subject, size: Size) -> Measure {
    readings(measure(subject, size, Way::PlainSql)?, [1.5, 10.0])
}

/// Where the kernel says that a file has come.
pub(super) fn through_files(subject: &Subject, size: Size) -> Measure {
    let ground = Ground::new()?;
    let url = format!("files:{}", ground.queue().display());
    let server = Server::start_at(subject, &ground, PATIENCE, &url)?;
    readings(
        play(&server, || Operator::at_files(&ground), size, Way::File)?,
        [1.0, 10.0],
    )
}

/// Through a mount that hides the host's changes from the kernel, as those of virtual machines do: the poll finds them.
pub(super) fn through_files_by_poll(subject: &Subject, size: Size) -> Measure {
    let ground = Ground::new()?;
    let Some(mounted) = Mounted::over(&ground)? else {
        say("      left out: bindfs is not installed");
        return Ok(Vec::new());
    };
    let url = format!("files:{}", mounted.point().display());
    let server = Server::start_at(subject, &ground, PATIENCE, &url)?;
    readings(
        play(&server, || Operator::at_files(&ground), size, Way::File)?,
        [25.0, 50.0],
    )
}

/// In a fleet, whose database says that something has come.
pub(super) fn through_fleet(subject: &Subject, size: Size) -> Measure {
    let ground = Ground::new()?;
    if postgres::programs().is_err() {
        say("      left out: PostgreSQL is not installed");
        return Ok(Vec::new());
    }
    let fleet = Fleet::start(&ground)?;
    let server = Server::start_at(subject, &ground, PATIENCE, &fleet.bottle)?;
    let operator = || Operator::at_fleet(&ground, &fleet.operators);
    readings(play(&server, operator, size, Way::Fleet)?, [2.0, 20.0])
}

fn readings(mut times: Vec<f64>, [p50, p99]: [f64; 2]) -> Measure {
    let mut reading = |what, share| Reading::lower(what, percentile(&mut times, share), "ms");
    Ok(vec![
        reading("p50", 0.5).goal(Goal::AtMost(p50)),
        reading("p99", 0.99).goal(Goal::AtMost(p99)),
        reading("max", 1.0),
    ])
}

/// Milliseconds, in no order.
fn measure(subject: &Subject, size: Size, way: Way) -> Result<Vec<f64>, Failed> {
    let ground = Ground::new()?;
    let server = Server::start(subject, &ground, PATIENCE)?;
    play(&server, || Operator::at(&ground), size, way)
}

fn play(
    server: &Server,
    operator: impl FnOnce() -> Result<Operator, Failed>,
    size: Size,
    way: Way,
) -> Result<Vec<f64>, Failed> {
    let mut agent = Agent::start(server.address, &["latency".to_owned()])?;
    // A first call makes the server create its database, and opens every connection.
    agent.say("call")?;
    let mut operator = operator()?;
    let mut times = Vec::new();
    for round in 0..=size.of(ROUNDS) {
        if round > 0 {
            agent.say("call")?;
        }
        let committed_at = operator.decide_next(way)?;
        let heard = agent.hear()?;
        if heard.get("approved") != Some(&true.into()) {
            return Err(Failed::new(format!(
                "a decision was lost: {}",
                server.last_words()
            )));
        }
        if round > 0 {
            times.push((number(&heard, "at") - committed_at as f64) / 1e6);
        }
    }
    Ok(times)
}
