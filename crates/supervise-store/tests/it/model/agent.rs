//! What agents and daemons do, and what they are told.

use supervise_core::{Ask, Proposal, Response, Tool};
use supervise_store::{Asked, Checked, Delivery, StoreError, Undelivered, Withdrawal};
use uuid::Uuid;

use super::Leave;
use super::seen::Case;
use super::tables::{Life, payload};
use super::world::{Call, World};
use crate::fixture::NO_LIMITS;

const TOOLS: [Tool; 4] = [
    Tool::EgressAllow,
    Tool::EgressAllow,
    Tool::EgressBlock,
    Tool::CapabilityBlock,
];

/// What an ask should come to.
#[derive(Debug)]
enum Expected {
    Decided(Response, Option<bool>),
    Joined(String),
    Refused(String, String),
    Stored,
}

fn file(number: u8) -> String {
    format!("payload {number}\n")
}

impl World {
    fn taken(&self, id: &str) -> bool {
        let mut on_their_way = self.deliveries.iter();
        on_their_way.any(|delivery| delivery.answer().response.proposal_id == id)
    }

    fn expected(&self, tool: Tool, file: &str) -> Expected {
        let tables = &self.disk.tables;
        let same = payload(tool, file);
        let mut open = tables.unarchived();
        open.retain(|proposal| payload(proposal.tool, &proposal.proposed_file) == same);
        let late = open.iter().find_map(|proposal| match tables.life(&proposal.id) {
            Life::Decided(response, applied) if !self.taken(&proposal.id) => Some((response, applied)),
            _ => None,
        });
        if let Some((response, applied)) = late {
            return Expected::Decided(response, applied);
        }
        let waiting = open
            .iter()
            .find(|proposal| !tables.replies.contains_key(&proposal.id));
        if let Some(proposal) = waiting {
            return Expected::Joined(proposal.id.clone());
        }
        match same.and_then(|same| tables.refusals.get(&same)) {
            Some(refused) if refused.holds => Expected::Refused(refused.id.clone(), refused.notes.clone()),
            _ => Expected::Stored,
        }
    }

    pub(super) async fn ask(&mut self, tool: u8, number: u8) {
        let tool = TOOLS[usize::from(tool) % TOOLS.len()];
        let expected = self.expected(tool, &file(number));
        let ask = Ask {
            tool,
            proposed_file: file(number),
            justification: "because".into(),
        };
        match (self.sidecar.proposal_ask(ask, NO_LIMITS).await.unwrap(), expected) {
            (Asked::Decided(delivery), Expected::Decided(response, applied)) => {
                self.receive(delivery, &response, applied);
                self.seen.note(Case::LateAnswer);
            }
            (Asked::Held(hold), Expected::Joined(id)) => {
                assert!(hold.has_joined());
                self.seen.note(Case::Joined);
                assert_eq!(hold.id(), id);
                *self.disk.tables.joins.entry(id).or_default() += 1;
                self.calls.push(Call {
                    hold,
                    has_opened: false,
                });
            }
            (Asked::RefusedBefore(refusal), Expected::Refused(id, notes)) => {
                assert_eq!((refusal.id, refusal.notes), (id, notes));
                self.seen.note(Case::RefusedBefore);
            }
            (Asked::Held(hold), Expected::Stored) => {
                assert!(!hold.has_joined());
                let stored = self.sidecar.proposal_find(hold.id()).await.unwrap().remove(0);
                let proposal = stored.listed.proposal;
                assert_eq!((proposal.tool, &proposal.proposed_file), (tool, &file(number)));
                self.disk.tables.insert(proposal);
                self.calls.push(Call {
                    hold,
                    has_opened: true,
                });
            }
            (asked, expected) => panic!("{asked:?} instead of {expected:?}"),
        }
    }

    fn receive(&mut self, delivery: Delivery, response: &Response, applied: Option<bool>) {
        assert_eq!(&delivery.answer().response, response);
        assert_eq!(delivery.answer().applied, applied);
        self.deliveries.push(delivery);
    }

    /// As the agent may see it.
    fn seen(&self, id: &str) -> Life {
        match self.disk.tables.rows.get(id) {
            Some(row) if row.proposal.tool.is_agents() => self.disk.tables.life(id),
            _ => Life::Unknown,
        }
    }

    pub(super) async fn check(&mut self, at: usize) {
        let Some(id) = self.disk.tables.choose(at) else {
            return;
        };
        let checked = self.sidecar.proposal_check(&id).await.unwrap();
        self.checked(checked, self.seen(&id));
    }

    pub(super) async fn wait(&mut self, at: usize) {
        let Some(id) = self.disk.tables.choose(at) else {
            return;
        };
        let checked = self.sidecar.proposal_wait(&id).await.unwrap();
        self.checked(checked, self.disk.tables.life(&id));
    }

    fn checked(&mut self, checked: Checked, life: Life) {
        match (checked, life) {
            (Checked::Held(hold), Life::Pending | Life::Claimed) => {
                self.told.insert(hold.id().to_owned());
                self.calls.push(Call {
                    hold,
                    has_opened: false,
                });
            }
            (Checked::Decided(delivery), Life::Decided(response, applied)) => {
                self.receive(delivery, &response, applied);
            }
            (Checked::Withdrawn, Life::Withdrawn) | (Checked::Unknown, Life::Unknown) => {}
            (checked, life) => panic!("{checked:?} instead of {life:?}"),
        }
    }

    pub(super) async fn undelivered(&mut self) {
        let tables = &self.disk.tables;
        let mut open = tables.unarchived();
        open.retain(|proposal| proposal.tool.is_agents());
        let expected: Vec<Undelivered> = (open.into_iter())
            .map(|proposal| Undelivered {
                id: proposal.id.clone(),
                tool: proposal.tool,
                status: tables
                    .replies
                    .get(&proposal.id)
                    .map(|reply| reply.response.status),
            })
            .collect();
        let found = self.sidecar.proposal_undelivered().await.unwrap();
        assert_eq!(found, expected);
        self.told.extend(found.into_iter().map(|one| one.id));
    }

    pub(super) async fn withdraw(&mut self, at: usize) {
        let Some(id) = self.disk.tables.choose(at) else {
            return;
        };
        let life = self.seen(&id);
        match (self.sidecar.proposal_withdraw(&id).await.unwrap(), life) {
            (Withdrawal::Withdrawn, Life::Pending) => self.withdrawn(&id).await,
            (Withdrawal::Withdrawn, Life::Withdrawn) => self.ends(&id).await,
            (Withdrawal::BeingDecided, Life::Claimed) => self.seen.note(Case::WithdrawnTooLate),
            (Withdrawal::Unknown, Life::Unknown) => {}
            (Withdrawal::Decided(delivery), Life::Decided(response, applied)) => {
                self.receive(delivery, &response, applied);
            }
            (withdrawal, life) => panic!("{withdrawal:?} instead of {life:?}"),
        }
    }

    async fn withdrawn(&mut self, id: &str) {
        self.disk.tables.withdraw(id);
        self.ends(id).await;
    }

    /// Everybody in this sidecar who waits for it hears at once.
    async fn ends(&mut self, id: &str) {
        self.told.remove(id);
        for call in self.calls.extract_if(.., |call| call.hold.id() == id) {
            let mut hold = call.hold;
            let outcome = tokio::time::timeout(std::time::Duration::from_secs(10), hold.outcome()).await;
            assert!(
                matches!(outcome, Ok(supervise_store::Outcome::Withdrawn)),
                "{outcome:?}"
            );
        }
    }

    pub(super) async fn leave(&mut self, how: Leave, at: usize) {
        if self.calls.is_empty() {
            return;
        }
        let call = self.calls.remove(at % self.calls.len());
        let id = call.hold.id().to_owned();
        match how {
            Leave::Drop => drop(call),
            Leave::Tell => {
                call.hold.tell();
                self.told.insert(id);
                self.calls.push(call);
            }
            Leave::Cancel => {
                let shared = self.told.contains(&id) || self.disk.tables.joins.contains_key(&id);
                let goes = call.has_opened && !shared && matches!(self.seen(&id), Life::Pending);
                call.hold.cancel();
                self.catch_up().await;
                if goes {
                    self.seen.note(Case::Cancelled);
                    self.withdrawn(&id).await;
                }
            }
            Leave::TimeOut => {
                call.hold.time_out();
                self.catch_up().await;
                let row = self.disk.tables.rows.get(&id);
                let waits = self.calls.iter().any(|call| call.hold.id() == id);
                if row.is_some_and(|row| !row.archived) && !waits {
                    self.disk.tables.timeouts.insert(id);
                    self.seen.note(Case::TimedOut);
                }
            }
        }
    }

    /// Jobs run in order: what was sent without waiting is done behind this one.
    async fn catch_up(&self) {
        self.sidecar.check_health().await.unwrap();
    }

    pub(super) async fn deliver(&mut self, at: usize) {
        if self.deliveries.is_empty() {
            return;
        }
        let delivery = self.deliveries.remove(at % self.deliveries.len());
        let id = delivery.answer().response.proposal_id.clone();
        delivery.delivered();
        self.catch_up().await;
        self.told.remove(&id);
        // Another proposal may have come under its id, whose answer it isn't.
        if self.disk.tables.replies.contains_key(&id) {
            assert!(self.disk.tables.archive(&id));
        }
    }

    pub(super) fn miss(&mut self, at: usize) {
        if !self.deliveries.is_empty() {
            self.deliveries.remove(at % self.deliveries.len());
        }
    }

    pub(super) async fn submit(&mut self, number: u8, id: Option<usize>) {
        let mut proposal = Proposal::new(&self.fixture.slug, Tool::GitleaksAllow, file(number), "found");
        let old = id.and_then(|at| self.disk.tables.choose(at));
        if let Some(old) = &old {
            proposal = proposal.with_id(Uuid::parse_str(old).unwrap());
        }
        let exists = self.disk.tables.rows.contains_key(&proposal.id);
        let orphan = self.disk.tables.replies.contains_key(&proposal.id) && !exists;
        if orphan {
            return;
        }
        match self.sidecar.proposal_submit(proposal.clone()).await {
            Ok(()) if !exists => self.disk.tables.insert(proposal),
            Err(StoreError::Exists { id }) if exists => assert_eq!(id, proposal.id),
            other => panic!("{other:?}, and it was there: {exists}"),
        }
    }
}
