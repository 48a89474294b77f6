//! Calls that wait, and answers on their way to callers.
//!
//! Both clean up after themselves: a dropped [`Hold`] stops waiting, a dropped [`Delivery`] gives the
//! decision back for the next identical ask.

use std::collections::{HashMap, HashSet};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use supervise_core::Response;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::queue::Queue;
use crate::row::parse_id;

/// An operator's decision, and whether it took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The decision.
    pub response: Response,
    /// Whether our operator's program applied it; `None` when another program decided.
    pub applied: Option<bool>,
}

/// How waiting ended.
#[derive(Debug)]
pub enum Outcome {
    /// The operator decided.
    Decided(Delivery),
    /// The proposal was taken back.
    Withdrawn,
    /// The store has stopped; the proposal may still be pending.
    StoreGone,
}

/// What the watcher found out about a proposal.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Decided(Arc<Answer>),
    Withdrawn,
}

impl End {
    fn outcome(&self, queue: &Queue, id: Uuid) -> Outcome {
        match self {
            End::Decided(answer) => Outcome::Decided(Delivery::new(queue, id, Arc::clone(answer))),
            End::Withdrawn => Outcome::Withdrawn,
        }
    }
}

/// Everything in this process that waits for one queue.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next_key: u64,
    waiting: HashMap<Uuid, Vec<Waiter>>,
    /// Proposals whose id a caller knows: their opener's cancel no longer withdraws them.
    told: HashSet<Uuid>,
    /// Decisions on their way to callers, counted.
    taken: HashMap<Uuid, usize>,
    /// Decisions that have arrived and wait to be archived.
    delivered: Vec<(Uuid, Taken)>,
    /// Whether a job to archive them is on its way.
    archiving: bool,
}

/// A job that waits for its turn to archive what has arrived. However it ends, the next delivery sends
/// another, which takes along what this one left.
#[derive(Debug)]
pub(crate) struct Archiving(Arc<Holds>);

impl Archiving {
    pub(crate) fn new(holds: &Arc<Holds>) -> Archiving {
        Archiving(Arc::clone(holds))
    }

    /// The job begins: these have arrived, and what arrives from now on needs another.
    pub(crate) fn begin(self) -> Vec<Uuid> {
        self.0.state().delivered.iter().map(|(id, _)| *id).collect()
    }
}

impl Drop for Archiving {
    fn drop(&mut self) {
        self.0.state().archiving = false;
    }
}

#[derive(Debug)]
struct Waiter {
    key: u64,
    queue: Queue,
    outcome: oneshot::Sender<Outcome>,
}

impl Holds {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below is a single step, so a panic can't leave the state half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state().waiting.is_empty()
    }

    pub(crate) fn ids(&self) -> Vec<Uuid> {
        self.state().waiting.keys().copied().collect()
    }

    fn is_waited_for(&self, id: Uuid) -> bool {
        self.state().waiting.contains_key(&id)
    }

    pub(crate) fn is_told(&self, id: Uuid) -> bool {
        self.state().told.contains(&id)
    }

    pub(crate) fn tell(&self, id: Uuid) {
        self.state().told.insert(id);
    }

    pub(crate) fn is_taken(&self, id: Uuid) -> bool {
        self.state().taken.contains_key(&id)
    }

    pub(crate) fn decided(&self, answer: &Arc<Answer>) {
        if let Some(id) = parse_id(&answer.response.proposal_id) {
            self.end(id, &End::Decided(Arc::clone(answer)));
        }
    }

    pub(crate) fn ended(&self, (id, end): (Uuid, End)) {
        self.end(id, &end);
    }

    pub(crate) fn end(&self, id: Uuid, end: &End) {
        let waiters = self.state().waiting.remove(&id).unwrap_or_default();
        for waiter in waiters {
            // A waiter that has just gone drops its outcome, which gives the decision back.
            let _ = waiter.outcome.send(end.outcome(&waiter.queue, id));
        }
    }

    /// The store has stopped: whoever waits is told so. What nobody will archive now holds on to all of this.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        let (waiting, delivered) = (take(&mut state.waiting), take(&mut state.delivered));
        drop(state);
        drop((waiting, delivered));
    }

    /// Forgets what no longer matters once a proposal is archived.
    pub(crate) fn forget(&self, id: Uuid) {
        self.state().told.remove(&id);
    }

    /// Notes an arrived decision. True if a job must be sent to archive it.
    pub(crate) fn delivered(&self, id: Uuid, taken: Taken) -> bool {
        let mut state = self.state();
        state.told.remove(&id);
        state.delivered.push((id, taken));
        !std::mem::replace(&mut state.archiving, true)
    }

    /// Forgets those that are archived.
    pub(crate) fn archived(&self, ids: &[Uuid]) {
        let ids: HashSet<&Uuid> = ids.iter().collect();
        let mut state = self.state();
        let done: Vec<(Uuid, Taken)> = state
            .delivered
            .extract_if(.., |(id, _)| ids.contains(id))
            .collect();
        // Dropping them gives the decisions back, which takes the lock again.
        drop(state);
        drop(done);
    }

    fn wait(&self, queue: &Queue, id: Uuid) -> (u64, oneshot::Receiver<Outcome>) {
        let (outcome, receiver) = oneshot::channel();
        let mut state = self.state();
        state.next_key += 1;
        let key = state.next_key;
        state.waiting.entry(id).or_default().push(Waiter {
            key,
            queue: queue.clone(),
            outcome,
        });
        (key, receiver)
    }

    fn leave(&self, id: Uuid, key: u64) {
        let mut state = self.state();
        let Some(waiters) = state.waiting.get_mut(&id) else {
            return;
        };
        let left: Vec<Waiter> = waiters.extract_if(.., |waiter| waiter.key == key).collect();
        if waiters.is_empty() {
            state.waiting.remove(&id);
        }
        // A waiter owns a handle on the queue; it is dropped only when the lock is free again.
        drop(state);
        drop(left);
    }

    fn take(&self, id: Uuid) {
        *self.state().taken.entry(id).or_default() += 1;
    }

    fn give_back(&self, id: Uuid) {
        let mut state = self.state();
        if let Some(count) = state.taken.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                state.taken.remove(&id);
            }
        }
    }
}

/// How a call came to wait for its proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    Opened,
    Joined,
}

/// A call that waits for a decision. Dropping it ends the waiting and nothing else.
#[derive(Debug)]
pub struct Hold {
    queue: Queue,
    id: Uuid,
    text: Box<str>,
    key: u64,
    entrance: Entrance,
    outcome: oneshot::Receiver<Outcome>,
}

impl Hold {
    pub(crate) fn new(queue: &Queue, id: Uuid, entrance: Entrance) -> Hold {
        let (key, outcome) = queue.holds().wait(queue, id);
        Hold {
            queue: queue.clone(),
            id,
            text: id.to_string().into(),
            key,
            entrance,
            outcome,
        }
    }

    /// The proposal's id.
    pub fn id(&self) -> &str {
        &self.text
    }

    /// Whether the proposal was there before this call.
    pub fn has_joined(&self) -> bool {
        self.entrance == Entrance::Joined
    }

    /// Waits for the end. Dropping the future loses nothing; once it has resolved, don't ask again.
    pub async fn outcome(&mut self) -> Outcome {
        (&mut self.outcome).await.unwrap_or(Outcome::StoreGone)
    }

    /// The caller is about to learn the id, and may come back with it: from now on [`Hold::cancel`]
    /// doesn't withdraw.
    pub fn tell(&self) {
        self.queue.holds().tell(self.id);
    }

    /// The caller is told that nobody decided in time. If nobody else waits for the proposal either, that is
    /// written down for the operator to hear of. Returns at once.
    pub fn time_out(self) {
        let (queue, id) = (self.queue.clone(), self.id);
        drop(self);
        if !queue.holds().is_waited_for(id) {
            queue.time_out_later(id);
        }
    }

    /// The caller has cancelled. Withdraws the proposal if this call opened it, no other call ever joined
    /// it and no caller knows its id. Returns at once.
    pub fn cancel(self) {
        if self.entrance == Entrance::Opened {
            self.queue.withdraw_unshared(self.id);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.queue.holds().leave(self.id, self.key);
    }
}

/// A decision on its way to a caller. Dropped before [`Delivery::delivered`], it stays for the next
/// identical ask.
#[derive(Debug)]
pub struct Delivery {
    queue: Queue,
    taken: Taken,
    answer: Arc<Answer>,
}

impl Delivery {
    pub(crate) fn new(queue: &Queue, id: Uuid, answer: Arc<Answer>) -> Delivery {
        queue.holds().take(id);
        let taken = Taken {
            holds: Arc::clone(queue.holds()),
            id,
        };
        Delivery {
            queue: queue.clone(),
            taken,
            answer,
        }
    }

    /// The decision.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The answer was written to the caller: archives the proposal. Returns at once.
    pub fn delivered(self) {
        self.queue.archive_later(self.taken.id, self.taken);
    }
}

/// While it lives, no other call is given the same decision as a late one.
#[derive(Debug)]
pub(crate) struct Taken {
    holds: Arc<Holds>,
    id: Uuid,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.holds.give_back(self.id);
    }
}
