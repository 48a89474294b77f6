//! The example program of the store, as the operator.

use super::process::Dialogue;
use super::program;
use super::server::Ground;
use crate::command::Failed;

pub(super) struct Operator(Dialogue);

/// By which way a decision is made.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Store,
    PlainSql,
    /// By the response's file, in a queue of files.
    File,
    /// Through the store, in a fleet.
    Fleet,
}

impl Operator {
    /// Opens the queue, which must be there.
    pub(super) fn at(ground: &Ground) -> Result<Operator, Failed> {
        let mut decide = program::built("examples/decide")?;
        decide.arg("at").arg(ground.root());
        Dialogue::start(&mut decide).map(Operator)
    }

    /// Stands at a queue of files.
    pub(super) fn at_files(ground: &Ground) -> Result<Operator, Failed> {
        let mut decide = program::built("examples/decide")?;
        decide.arg("at-files").arg(ground.root());
        Dialogue::start(&mut decide).map(Operator)
    }

    /// Stands at a fleet's database.
    pub(super) fn at_fleet(ground: &Ground, url: &str) -> Result<Operator, Failed> {
        let mut decide = program::built("examples/decide")?;
        decide.arg("at-fleet").arg(ground.root()).arg(url);
        Dialogue::start(&mut decide).map(Operator)
    }

    pub(super) fn count_pending(&mut self) -> Result<u64, Failed> {
        number(&self.0.ask("count")?)
    }

    pub(super) fn count_rows(&mut self) -> Result<u64, Failed> {
        number(&self.0.ask("rows")?)
    }

    /// Decides the next proposal to arrive, some time after it has; the commit's time in nanoseconds.
    pub(super) fn decide_next(&mut self, way: Way) -> Result<u64, Failed> {
        let command = match way {
            Way::Store => "next store",
            Way::PlainSql => "next plain",
            Way::File => "next file",
            Way::Fleet => "next fleet",
        };
        number(&self.0.ask(command)?)
    }

    /// Decides all that is pending; the commit's time in nanoseconds and how many there were.
    pub(super) fn decide_all(&mut self) -> Result<(u64, u64), Failed> {
        let answer = self.0.ask("all")?;
        let (at, count) = answer.split_once(' ').unwrap_or((&answer, ""));
        Ok((number(at)?, number(count)?))
    }
}

fn number(text: &str) -> Result<u64, Failed> {
    text.parse()
        .map_err(|_| Failed::new(format!("the operator said: {text}")))
}
