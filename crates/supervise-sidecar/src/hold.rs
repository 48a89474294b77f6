//! A held call: waiting until one of the things happens that end it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use supervise_store::{Delivery, Hold, Outcome};
use tokio::sync::Notify;

use crate::answer::Pending;
#[cfg(test)]
use crate::failpoint::{self, Point};
use crate::http::Link;
use crate::rpc::Id;
use crate::sidecar::Sidecar;

/// A hold, and what becomes of its proposal when the caller leaves.
pub(crate) struct Held {
    hold: Option<Hold>,
    when_left: WhenLeft,
    link: Arc<Link>,
}

/// What a caller means by leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenLeft {
    /// Nothing.
    Keep,
    /// That it takes the proposal back, where the store's rules allow it.
    Cancel,
}

/// How a held call ended.
pub(crate) enum End {
    Decided(Delivery),
    /// Taken back; the proposal's id.
    Withdrawn(String),
    /// Not decided; the proposal's id, and why waiting ended.
    Pending(String, Pending),
    StoreGone,
}

impl Held {
    pub(crate) fn new(hold: Hold, when_left: WhenLeft, link: Arc<Link>) -> Self {
        let hold = Some(hold);
        Held {
            hold,
            when_left,
            link,
        }
    }

    /// Waits for the decision for `patience` seconds. Dropping the future is the caller leaving.
    pub(crate) async fn end(mut self, sidecar: &Sidecar, patience: f64, call: Option<RegisteredCall>) -> End {
        let Some(hold) = &mut self.hold else {
            return End::StoreGone;
        };
        sidecar.note_held(hold.id());
        let _holding = sidecar.metrics.hold();
        #[cfg(test)]
        failpoint::hit(Point::Held);
        let pending = tokio::select! {
            // A decision that is there goes before every reason not to wait for it.
            biased;
            outcome = hold.outcome() => match self.unless_left(outcome) {
                Some(outcome) => return self.decided(outcome),
                None => Pending::Left,
            },
            () = sidecar.stopping() => Pending::Stopping,
            () = cancelled(call.as_ref()) => Pending::Cancelled,
            // A decision must not be written to somebody who may be gone. Who has only closed its half reads this.
            () = self.link.client_ended(), if self.when_left == WhenLeft::Keep => Pending::Left,
            () = tokio::time::sleep(Duration::from_secs_f64(patience)) => Pending::TimedOut(patience),
        };
        match pending {
            Pending::TimedOut(_) => sidecar.metrics.timed_out.add_one(),
            Pending::Left => sidecar.metrics.left.add_one(),
            Pending::Stopping | Pending::Cancelled | Pending::BeingDecided => {}
        }
        // The answer will name the id: from here on the agent may refer to the proposal.
        if let Some(hold) = &self.hold {
            hold.tell();
        }
        End::Pending(self.leave(pending), pending)
    }

    /// Nothing for a decision whose caller was seen to end in the same breath: dropped, it waits for whoever
    /// asks again.
    fn unless_left(&self, outcome: Outcome) -> Option<Outcome> {
        let left = self.when_left == WhenLeft::Keep && self.link.has_client_ended();
        match outcome {
            Outcome::Decided(_) if left => None,
            outcome => Some(outcome),
        }
    }

    fn decided(mut self, outcome: Outcome) -> End {
        let id = self.finish();
        match outcome {
            Outcome::Decided(delivery) => End::Decided(delivery),
            Outcome::Withdrawn => End::Withdrawn(id),
            Outcome::StoreGone => End::StoreGone,
        }
    }

    /// Lets the hold go because of `pending`. Returns the proposal's id.
    fn leave(&mut self, pending: Pending) -> String {
        match (self.hold.take(), pending) {
            (Some(hold), Pending::TimedOut(_)) => {
                let id = hold.id().to_owned();
                hold.time_out();
                id
            }
            (hold, _) => {
                self.hold = hold;
                self.finish()
            }
        }
    }

    /// Lets the hold go without a cancel.
    fn finish(&mut self) -> String {
        let hold = self.hold.take();
        hold.map(|hold| hold.id().to_owned()).unwrap_or_default()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let left = self.hold.is_some() && self.link.was_left();
        if left {
            self.link.metrics().left.add_one();
        }
        let cancels = self.when_left == WhenLeft::Cancel && left;
        if let Some(hold) = self.hold.take().filter(|_| cancels) {
            hold.cancel();
        }
    }
}

async fn cancelled(call: Option<&RegisteredCall>) {
    match call {
        Some(call) => call.cancelled.notified().await,
        None => std::future::pending().await,
    }
}

type CallKey = (IpAddr, Id);

/// The held legacy calls, so that a message can cancel one.
#[derive(Default)]
pub(crate) struct Calls(Arc<Mutex<HashMap<CallKey, Vec<Arc<Notify>>>>>);

/// A held call that a message can cancel, until it is dropped.
pub(crate) struct RegisteredCall {
    calls: Calls,
    key: CallKey,
    cancelled: Arc<Notify>,
}

impl Calls {
    pub(crate) fn register(&self, peer: IpAddr, id: Id) -> RegisteredCall {
        let cancelled = Arc::new(Notify::new());
        let key = (peer, id);
        self.change(|calls| calls.entry(key.clone()).or_default().push(Arc::clone(&cancelled)));
        RegisteredCall {
            calls: Calls(Arc::clone(&self.0)),
            key,
            cancelled,
        }
    }

    /// Ends the one held call of that peer with that id. Clients behind one address share ids, so where
    /// there are several nobody knows which is meant, and none is ended.
    pub(crate) fn cancel(&self, peer: IpAddr, id: &Id) {
        self.change(|calls| {
            if let Some([only]) = calls.get(&(peer, id.clone())).map(Vec::as_slice) {
                only.notify_one();
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<CallKey, Vec<Arc<Notify>>>)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for RegisteredCall {
    fn drop(&mut self) {
        self.calls.change(|calls| {
            if let Some(same) = calls.get_mut(&self.key) {
                same.retain(|other| !Arc::ptr_eq(other, &self.cancelled));
                if same.is_empty() {
                    calls.remove(&self.key);
                }
            }
        });
    }
}
