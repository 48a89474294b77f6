//! Answers per second.

use super::{Measure, Size};
use crate::bench::agent::{Agent, number};
use crate::bench::operator::Operator;
use crate::bench::reading::{Goal, Reading};
use crate::bench::server::{Ground, Server};
use crate::bench::subject::Subject;
use crate::command::{Failed, say};

const SECONDS: usize = 10;
/// So short that a call's end is its commit's.
const PROPOSAL_PATIENCE: f64 = 0.001;
const PATIENCE: f64 = 30.0;

pub(super) fn proposals_1(subject: &Subject, size: Size) -> Measure {
    proposals(subject, size, 1, &[])
}

pub(super) fn proposals_64(subject: &Subject, size: Size) -> Measure {
    proposals(subject, size, 64, &[])
}

pub(super) fn proposals_256(subject: &Subject, size: Size) -> Measure {
    proposals(
        subject,
        size,
        256,
        &[Goal::AtLeast(5000.0), Goal::TimesPeer(200.0)],
    )
}

/// Durable: a call is answered as pending after its proposal's commit.
fn proposals(subject: &Subject, size: Size, callers: usize, goals: &[Goal]) -> Measure {
    let ground = Ground::new()?;
    let server = Server::start(subject, &ground, PROPOSAL_PATIENCE)?;
    let (answered, failed, rate) = load(&server, "propose", callers, size)?;
    let stored = Operator::at(&ground)?.count_rows()? as f64;
    if stored < answered {
        return Err(Failed::new(format!(
            "{answered} were acknowledged, {stored} are stored"
        )));
    }
    let mut rate = Reading::higher("per second", rate, "/s");
    rate.goals = goals.to_vec();
    Ok(vec![rate, Reading::lower("failed", failed, "")])
}

pub(super) fn tools_list(subject: &Subject, size: Size) -> Measure {
    let ground = Ground::new()?;
    let server = Server::start(subject, &ground, PATIENCE)?;
    let (_, failed, rate) = load(&server, "list-tools", 16, size)?;
    Ok(vec![
        Reading::higher("per second", rate, "/s").goal(Goal::TimesPeer(15.0)),
        Reading::lower("failed", failed, ""),
    ])
}

/// How many were answered, how many failed, and how many were answered per second.
fn load(server: &Server, request: &str, connections: usize, size: Size) -> Result<(f64, f64, f64), Failed> {
    let seconds = size.of(SECONDS).max(2).to_string();
    let arguments = ["load", request, &connections.to_string(), &seconds].map(str::to_owned);
    let counts = Agent::start(server.address, &arguments)?.hear()?;
    let (answered, failed) = (number(&counts, "answered"), number(&counts, "failed"));
    if failed > 0.0 {
        say(&format!("      the server's last words: {}", server.last_words()));
    }
    Ok((answered, failed, answered / number(&counts, "seconds")))
}
