//! The handles on one real file, what they hold, and the model beside them.

use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use supervise_store::{Delivery, Hold, Host, Outcome, Queue};

use super::course::Disk;
use super::operator::Operator;
use super::seen::{Case, Seen};
use super::tables::Life;
use super::{Foreign, Step};
use crate::fixture::{Fixture, plain};

/// A call that waits in the sidecar.
pub(super) struct Call {
    pub(super) hold: Hold,
    pub(super) has_opened: bool,
}

pub(super) struct World {
    pub(super) fixture: Fixture,
    pub(super) disk: Disk,
    pub(super) sidecar: Queue,
    pub(super) calls: Vec<Call>,
    /// Answers on their way to callers.
    pub(super) deliveries: Vec<Delivery>,
    /// Proposals whose id some caller of this sidecar knows.
    pub(super) told: std::collections::BTreeSet<String>,
    pub(super) operators: Vec<Operator>,
    pub(super) reader: Host,
    pub(super) queue_sql: SqliteConnection,
    pub(super) host_sql: SqliteConnection,
    pub(super) seen: Seen,
}

impl World {
    pub(super) async fn new(seen: Seen) -> World {
        let fixture = Fixture::on_memory();
        let sidecar = fixture.queue().await;
        let operators = vec![Operator::start(&fixture).await, Operator::start(&fixture).await];
        let reader = fixture.host().await;
        World {
            queue_sql: plain(fixture.queue_db()).await,
            host_sql: plain(fixture.root.host_db()).await,
            fixture,
            disk: Disk::default(),
            sidecar,
            calls: Vec::new(),
            deliveries: Vec::new(),
            told: Default::default(),
            operators,
            reader,
            seen,
        }
    }

    pub(super) async fn take(&mut self, step: Step) {
        match step {
            Step::Ask(tool, file) => self.ask(tool, file).await,
            Step::Check(at) => self.check(at).await,
            Step::Wait(at) => self.wait(at).await,
            Step::Undelivered => self.undelivered().await,
            Step::Withdraw(at) => self.withdraw(at).await,
            Step::Leave(how, at) => self.leave(how, at).await,
            Step::Deliver(at) => self.deliver(at).await,
            Step::Miss(at) => self.miss(at),
            Step::Submit(file, id) => self.submit(file, id).await,
            Step::Decide(who, choice) => self.decide(who, choice).await,
            Step::TurnBack(who, back) => self.turn_back(who, back).await,
            Step::Crash(who, whole) => self.crash(who, whole).await,
            Step::Lift(who, at) => self.lift(who, at).await,
            Step::Prune(who) => self.prune(who).await,
            Step::Restart => self.restart().await,
            Step::Foreign(Foreign::Propose(file), at) => self.propose_in_sql(file, at).await,
            Step::Foreign(what, at) => self.write_in_sql(what, at).await,
            Step::TimePasses => self.time_passes().await,
        }
        self.settle().await;
        self.compare().await;
    }

    /// Every call whose proposal is decided gets the answer; no other call ends.
    pub(super) async fn settle(&mut self) {
        for mut call in std::mem::take(&mut self.calls) {
            match self.disk.tables.life(call.hold.id()) {
                Life::Decided(response, applied) => {
                    let delivery = crate::fixture::decided(&mut call.hold).await;
                    assert_eq!(delivery.answer().response, response);
                    assert_eq!(delivery.answer().applied, applied);
                    self.deliveries.push(delivery);
                    self.seen.note(Case::Answered);
                }
                Life::Pending | Life::Claimed => {
                    assert!(ended(&mut call.hold).await.is_none(), "a call ended by itself");
                    self.calls.push(call);
                }
                // What another program archived is noticed at the pace of a poll; what is deleted, by nobody.
                Life::Withdrawn | Life::Unknown => match ended(&mut call.hold).await {
                    None => self.calls.push(call),
                    Some(Outcome::Withdrawn) => {}
                    Some(Outcome::Decided(delivery)) => {
                        let reply = self.disk.tables.replies.get(call.hold.id());
                        let reply = reply.expect("an answer that somebody gave");
                        assert_eq!(delivery.answer().response, reply.response);
                        self.deliveries.push(delivery);
                    }
                    Some(Outcome::StoreGone) => panic!("the store has gone"),
                },
            }
        }
    }

    async fn restart(&mut self) {
        self.calls.clear();
        self.deliveries.clear();
        self.told.clear();
        let fresh = self.fixture.queue().await;
        std::mem::replace(&mut self.sidecar, fresh).close().await;
        self.disk.tables.open();
    }

    /// Whoever comes last finishes everything; then the audit log is whole.
    pub(super) async fn end(mut self) {
        for who in 0..self.operators.len() {
            self.crash(who, true).await;
        }
        self.finish_everything().await;
        self.settle().await;
        self.compare().await;
        assert!(self.disk.plans.is_empty() && self.disk.tables.claims.is_empty());
        self.verify().await;
    }
}

async fn ended(hold: &mut Hold) -> Option<Outcome> {
    tokio::select! {
        biased;
        outcome = hold.outcome() => Some(outcome),
        () = std::future::ready(()) => None,
    }
}

impl Fixture {
    /// In memory where there is such a directory: thousands of commits that each wait for a disk teach nothing.
    fn on_memory() -> Fixture {
        let memory = Path::new("/dev/shm");
        let dir = match tempfile::tempdir_in(memory) {
            Ok(dir) => dir,
            Err(_) => tempfile::tempdir().unwrap(),
        };
        Fixture::over(dir)
    }
}
