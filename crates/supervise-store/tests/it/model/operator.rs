//! Operators: each step of a decision as a step of its own, so that anything can happen between two.

use std::collections::{BTreeSet, HashSet};

use supervise_core::{Digest, Response};
use supervise_store::{
    Audited, BottleLock, Claimed, DecisionError, DecisionRequest, Host, Intended, Queue, Recovered,
    RecoveredAs, Retention, Sticky, Unfinished, Verdict,
};
use time::{Duration, OffsetDateTime};

use super::course::{Plan, Standing, status};
use super::seen::Case;
use super::tables::{Life, payload};
use super::world::World;
use super::{Back, Choice};
use crate::fixture::{Fixture, request};

/// How far an operator has come; dropping it is a crash.
#[derive(Debug)]
enum Stage {
    Idle,
    Locked(BottleLock),
    Claimed(Claimed, Plan),
    Intended(Intended, String),
    Audited(Audited, String),
}

pub(super) struct Operator {
    host: Host,
    queue: Queue,
    stage: Stage,
}

impl Operator {
    pub(super) async fn start(fixture: &Fixture) -> Operator {
        Operator {
            host: fixture.host().await,
            queue: Queue::open(&fixture.queue_dir(), &fixture.slug).await.unwrap(),
            stage: Stage::Idle,
        }
    }
}

impl World {
    fn take_stage(&mut self, who: usize) -> Stage {
        std::mem::replace(&mut self.operators[who].stage, Stage::Idle)
    }

    pub(super) async fn decide(&mut self, who: usize, choice: Choice) {
        let next = match self.take_stage(who) {
            Stage::Idle => self.lock(who, choice.back).await,
            Stage::Locked(lock) => self.claim(who, lock, choice).await,
            Stage::Claimed(claimed, plan) => self.intend(claimed, plan).await,
            Stage::Intended(intended, token) => self.audit(intended, token).await,
            Stage::Audited(audited, token) => self.answer(audited, token).await,
        };
        self.operators[who].stage = next;
    }

    /// Step 1, with what a crash left.
    async fn lock(&mut self, who: usize, back: Back) -> Stage {
        let is_free = (self.operators.iter()).all(|operator| matches!(operator.stage, Stage::Idle));
        let operator = &self.operators[who];
        let lock = operator.host.bottle_try_lock(&self.fixture.slug).unwrap();
        assert_eq!(lock.is_some(), is_free);
        let Some(lock) = lock else { return Stage::Idle };
        let recovery = operator.host.recover(&lock, &operator.queue).await.unwrap();
        assert_eq!(sorted(&recovery.recovered), sorted(&self.disk.recover()));
        for one in &recovery.recovered {
            self.seen.note(match one.what {
                RecoveredAs::Finished(_) => Case::CrashFinished,
                _ => Case::CrashUndone,
            });
        }
        let left: Vec<String> = self.disk.plans.iter().map(|plan| plan.id().to_owned()).collect();
        let found: Vec<Option<&str>> = recovery.unfinished.iter().map(Unfinished::id).collect();
        assert_eq!(found, left.iter().map(|id| Some(id.as_str())).collect::<Vec<_>>());
        for (unfinished, plan) in recovery.unfinished.into_iter().zip(self.disk.plans.clone()) {
            self.come_to_an_end(unfinished, &plan, back).await;
        }
        Stage::Locked(lock)
    }

    async fn come_to_an_end(&mut self, unfinished: Unfinished, plan: &Plan, back: Back) {
        let answerable = self.disk.standing(plan) == Standing::Ours;
        assert_eq!(unfinished.is_answerable(), answerable);
        assert_eq!(unfinished.effect(), "an effect");
        match back {
            Back::No if answerable => {
                let ended = unfinished.finish().await.unwrap();
                assert_eq!(ended, RecoveredAs::Finished(plan.response.status));
                self.seen.note(Case::EffectFinished);
                self.disk.audit(&plan.token, true);
                assert!(self.disk.answer(&plan.token));
            }
            Back::No | Back::Fail => {
                self.seen.note(Case::EffectFailed);
                assert_eq!(unfinished.fail("it broke").await.unwrap(), RecoveredAs::Undone);
                self.disk.fail(&plan.token);
            }
            Back::Undo => {
                assert_eq!(unfinished.undo().await.unwrap(), RecoveredAs::Undone);
                self.disk.undo(&plan.token);
            }
        }
    }

    /// Step 2.
    async fn claim(&mut self, who: usize, lock: BottleLock, choice: Choice) -> Stage {
        let Some(id) = self.disk.tables.choose(choice.proposal) else {
            return Stage::Locked(lock);
        };
        let request = self.request(&id, choice);
        let operator = &self.operators[who];
        let claimed = (operator.host)
            .decision_claim(lock, &operator.queue, request.clone())
            .await;
        match (claimed, self.disk.tables.life(&id)) {
            (Ok(claimed), Life::Pending) if !choice.is_stale => {
                let token = self.token(&id).await;
                self.disk.tables.claims.insert(id, token.clone());
                let plan = plan(&claimed, &request, choice, token);
                Stage::Claimed(claimed, plan)
            }
            (Err(DecisionError::Changed { found }), Life::Pending) if choice.is_stale => {
                assert_eq!(found.id, id);
                Stage::Idle
            }
            (Err(DecisionError::Already(winner)), Life::Decided(response, _)) => {
                assert_eq!(winner, response.status);
                self.seen.note(Case::LostToAWinner);
                Stage::Idle
            }
            (Err(DecisionError::BeingDecided), Life::Claimed) => {
                self.seen.note(Case::ClaimedByAnother);
                Stage::Idle
            }
            (Err(DecisionError::NoSuch), Life::Unknown)
            | (Err(DecisionError::Withdrawn), Life::Withdrawn) => Stage::Idle,
            (claimed, life) => panic!("{claimed:?} on {life:?}"),
        }
    }

    fn request(&self, id: &str, choice: Choice) -> DecisionRequest {
        let row = self.disk.tables.rows.get(id).filter(|_| !choice.is_stale);
        let digest = row.map(|row| row.proposal.digest());
        let digest = digest.unwrap_or_else(|| Digest::from_hex(&"0".repeat(64)).unwrap());
        let verdict = match choice.verdict % 3 {
            0 => Verdict::Approve,
            1 => Verdict::Modify {
                final_file: "payload edited\n".into(),
            },
            _ => Verdict::Reject,
        };
        DecisionRequest {
            notes: format!("note {}", self.disk.audit.len()),
            sticky: if choice.sticks { Sticky::MAX } else { Sticky::NONE },
            ..request(id, digest, verdict)
        }
    }

    /// Step 3.
    async fn intend(&mut self, claimed: Claimed, plan: Plan) -> Stage {
        let effect = plan.has_effect.then(|| "an effect".to_owned());
        let intended = claimed.intend("a diff".into(), effect).await.unwrap();
        let token = plan.token.clone();
        self.disk.plans.push(plan);
        Stage::Intended(intended, token)
    }

    /// Step 5; step 4 is the caller's.
    async fn audit(&mut self, intended: Intended, token: String) -> Stage {
        let applied = self.disk.plan(&token).has_effect;
        let audited = intended.audit(applied).await.unwrap();
        self.disk.audit(&token, applied);
        Stage::Audited(audited, token)
    }

    /// Step 6.
    async fn answer(&mut self, audited: Audited, token: String) -> Stage {
        let plan = self.disk.plan(&token);
        let answered = audited.answer().await;
        if self.disk.answer(&token) {
            let decided = answered.unwrap();
            assert_eq!(
                (decided.id.as_str(), decided.status),
                (plan.id(), plan.response.status)
            );
            let sticks = plan.sticks && payload(plan.proposal.tool, "").is_some();
            assert_eq!(decided.refused_until.is_some(), sticks);
        } else {
            let Err(DecisionError::Undelivered { status, applied, .. }) = answered else {
                panic!("{answered:?}");
            };
            assert_eq!((status, applied), (plan.response.status, plan.has_effect));
            self.seen.note(Case::AnswerRefused);
        }
        Stage::Idle
    }

    pub(super) async fn turn_back(&mut self, who: usize, back: Back) {
        let next = match self.take_stage(who) {
            Stage::Claimed(claimed, plan) => {
                claimed.release().await.unwrap();
                self.disk.release(&plan.token);
                Stage::Idle
            }
            Stage::Intended(intended, token) => {
                if matches!(back, Back::Fail) {
                    intended.fail("it broke").await.unwrap();
                    self.disk.fail(&token);
                } else {
                    intended.undo().await.unwrap();
                    self.disk.undo(&token);
                }
                Stage::Idle
            }
            // Behind the audit entry the operator's word stands.
            other => other,
        };
        self.operators[who].stage = next;
    }

    pub(super) async fn crash(&mut self, who: usize, whole: bool) {
        drop(self.take_stage(who));
        if whole {
            self.operators[who] = Operator::start(&self.fixture).await;
            self.disk.tables.open();
        }
    }

    pub(super) async fn lift(&mut self, who: usize, at: usize) {
        let tables = &self.disk.tables;
        let refused = tables.refusals.values().nth(at).map(|refused| refused.id.clone());
        let id = refused.or_else(|| tables.choose(at));
        let (Stage::Locked(lock), Some(id)) = (&self.operators[who].stage, id) else {
            return;
        };
        let Some(proposal) = self.disk.tables.rows.get(&id).map(|row| &row.proposal) else {
            return;
        };
        let lifted = self.operators[who].queue.refusal_lift(lock, proposal).await;
        let expected = payload(proposal.tool, &proposal.proposed_file)
            .and_then(|same| self.disk.tables.refusals.remove(&same));
        if expected.as_ref().is_some_and(|refused| refused.holds) {
            self.seen.note(Case::Lifted);
        }
        assert_eq!(
            lifted.unwrap().map(|refusal| refusal.id),
            expected.filter(|refused| refused.holds).map(|refused| refused.id)
        );
    }

    pub(super) async fn prune(&mut self, who: usize) {
        let Operator { host, queue, .. } = &self.operators[who];
        let needed: HashSet<String> = host.intended(&self.fixture.slug).await.unwrap();
        let plans = self.disk.plans.iter().map(|plan| plan.id().to_owned());
        let expected: BTreeSet<String> = plans.collect();
        assert_eq!(needed.iter().cloned().collect::<BTreeSet<_>>(), expected);
        let all = Retention {
            older_than: Duration::ZERO,
        };
        let archive = queue.archive_survey().await.unwrap();
        let freed = queue
            .archive_delete(all.plan(archive, &needed, OffsetDateTime::now_utc()))
            .await
            .unwrap();
        assert_eq!(
            (freed.proposals, freed.left),
            (self.disk.tables.prune(&expected), 0)
        );
        if freed.proposals > 0 {
            self.seen.note(Case::Pruned);
        }
    }

    /// One more operator, who finds nothing more to do when it comes again.
    pub(super) async fn finish_everything(&mut self) {
        for _ in 0..2 {
            let stage = self.lock(0, Back::No).await;
            assert!(matches!(stage, Stage::Locked(_)));
        }
    }
}

fn plan(claimed: &Claimed, request: &DecisionRequest, choice: Choice, token: String) -> Plan {
    let proposal = claimed.proposal().clone();
    let status = status(choice.verdict);
    let final_file = match &request.verdict {
        Verdict::Approve => Some(proposal.proposed_file.clone()),
        Verdict::Modify { final_file } => Some(final_file.clone()),
        Verdict::Reject => None,
    };
    Plan {
        token,
        response: Response {
            proposal_id: proposal.id.clone(),
            status,
            notes: request.notes.clone(),
            final_file,
        },
        proposal,
        sticks: choice.sticks && request.verdict == Verdict::Reject,
        has_effect: choice.has_effect,
        audited: None,
    }
}

fn sorted(recovered: &[Recovered]) -> Vec<(String, String)> {
    let mut named: Vec<_> = (recovered.iter())
        .map(|one| (one.id.clone(), format!("{:?}", one.what)))
        .collect();
    named.sort();
    named
}
