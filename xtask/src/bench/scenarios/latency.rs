//! From the operator's commit to the answer in the agent's hands.

use super::{Measure, Size};
use crate::bench::agent::{Agent, number};
use crate::bench::operator::{Operator, Way};
use crate::bench::reading::{Goal, Reading, percentile};
use crate::bench::server::{Ground, Server};
use crate::bench::subject::Subject;
use crate::command::Failed;

const ROUNDS: usize = 500;
const PATIENCE: f64 = 30.0;

pub(super) fn through_store(subject: &Subject, size: Size) -> Measure {
    readings(measure(subject, size, Way::Store)?, [0.5, 3.0])
}

pub(super) fn by_plain_sql(subject: &Subject, size: Size) -> Measure {
    readings(measure(subject, size, Way::PlainSql)?, [1.5, 10.0])
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
    let mut agent = Agent::start(server.address, &["latency".to_owned()])?;
    // A first call makes the server create its database, and opens every connection.
    agent.say("call")?;
    let mut operator = Operator::at(&ground)?;
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
