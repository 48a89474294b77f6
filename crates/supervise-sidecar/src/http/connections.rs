//! Which connections may be open, and which one goes when there is no room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Connections past the limit that may be told so at once.
const OVERFLOW: usize = 64;

/// Every open connection, in two lanes: the regular ones, and those past the limit, which only get
/// `/health` or a 503.
pub(crate) struct Connections {
    lanes: Mutex<Lanes>,
}

struct Lanes {
    /// Counts up with every connection that begins to wait for a request.
    turn: u64,
    regular: Lane,
    overflow: Lane,
}

struct Lane {
    room: usize,
    open: usize,
    /// The connections that wait for a whole request, or for their client to take an answer; the longest wait
    /// first.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Regular,
    Overflow,
}

/// A connection's place. Dropping it makes room.
pub(crate) struct Seat {
    connections: Arc<Connections>,
    kind: Kind,
    state: Mutex<State>,
    evicted: Arc<Notify>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For a whole request, since that turn.
    Waiting(u64),
    Serving,
    /// With an answer that the client doesn't take, since that turn.
    Stalled(u64),
}

impl State {
    fn turn(self) -> Option<u64> {
        match self {
            State::Waiting(turn) | State::Stalled(turn) => Some(turn),
            State::Serving => None,
        }
    }
}

impl Connections {
    /// Room for `limit` connections; 0 = no limit.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        let room = if limit == 0 { usize::MAX } else { limit };
        let lanes = Mutex::new(Lanes {
            turn: 0,
            regular: Lane::new(room),
            overflow: Lane::new(OVERFLOW),
        });
        Arc::new(Connections { lanes })
    }

    /// A place for a new connection, if need be that of the one that has gone longest without a whole
    /// request or without taking its answer. `None`: every place is taken by a request that is being served.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Seat> {
        let mut lanes = self.lanes();
        let kind = if lanes.regular.make_room() {
            Kind::Regular
        } else if lanes.overflow.make_room() {
            Kind::Overflow
        } else {
            return None;
        };
        lanes.lane(kind).open += 1;
        let evicted = Arc::new(Notify::new());
        let turn = lanes.wait(kind, &evicted);
        Some(Seat {
            connections: Arc::clone(self),
            kind,
            state: Mutex::new(State::Waiting(turn)),
            evicted,
        })
    }

    /// Closes a waiting connection, for when the process is out of descriptors.
    pub(crate) fn evict_one(&self) {
        let mut lanes = self.lanes();
        if !lanes.overflow.evict() {
            lanes.regular.evict();
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn lane(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Regular => &mut self.regular,
            Kind::Overflow => &mut self.overflow,
        }
    }

    fn wait(&mut self, kind: Kind, evicted: &Arc<Notify>) -> u64 {
        self.turn += 1;
        let turn = self.turn;
        self.lane(kind).waiting.insert(turn, Arc::clone(evicted));
        turn
    }
}

impl Lane {
    fn new(room: usize) -> Self {
        Lane {
            room,
            open: 0,
            waiting: BTreeMap::new(),
        }
    }

    fn make_room(&mut self) -> bool {
        self.open < self.room || self.evict()
    }

    fn evict(&mut self) -> bool {
        let Some((_, evicted)) = self.waiting.pop_first() else {
            return false;
        };
        self.open -= 1;
        evicted.notify_one();
        true
    }
}

impl Seat {
    pub(super) fn is_overflow(&self) -> bool {
        self.kind == Kind::Overflow
    }

    /// Ready when another connection needs the place.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// A whole request is there: from here on the connection is kept.
    pub(super) fn serve(&self) {
        let mut state = self.state();
        if let Some(turn) = state.turn() {
            let waited = self.connections.lanes().lane(self.kind).waiting.remove(&turn);
            // One that is gone from the list has been evicted, and will be dropped as it is.
            if waited.is_some() {
                *state = State::Serving;
            }
        }
    }

    pub(super) fn is_serving(&self) -> bool {
        !matches!(*self.state(), State::Waiting(_))
    }

    #[cfg(test)]
    pub(super) fn is_stalled(&self) -> bool {
        matches!(*self.state(), State::Stalled(_))
    }

    /// The answer is written: the connection waits for the next request.
    pub(super) fn wait(&self) {
        self.serve();
        self.line_up(State::Waiting);
    }

    /// The client doesn't take its answer: the place is another's who needs it.
    pub(super) fn stall(&self) {
        self.line_up(State::Stalled);
    }

    /// The client takes its answer after all.
    pub(super) fn resume(&self) {
        if matches!(*self.state(), State::Stalled(_)) {
            self.serve();
        }
    }

    fn line_up(&self, state: impl FnOnce(u64) -> State) {
        let mut now = self.state();
        if *now == State::Serving {
            *now = state(self.connections.lanes().wait(self.kind, &self.evicted));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let state = *self.state();
        let mut lanes = self.connections.lanes();
        let lane = lanes.lane(self.kind);
        let counted = state
            .turn()
            .is_none_or(|turn| lane.waiting.remove(&turn).is_some());
        if counted {
            lane.open -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(connections: &Connections) -> (usize, usize) {
        let lanes = connections.lanes();
        (lanes.regular.open, lanes.overflow.open)
    }

    fn is_evicted(seat: &Seat) -> bool {
        let turn = seat.state().turn();
        turn.is_some_and(|turn| {
            let mut lanes = seat.connections.lanes();
            !lanes.lane(seat.kind).waiting.contains_key(&turn)
        })
    }

    #[test]
    fn the_longest_wait_goes_first() {
        let connections = Connections::new(2);
        let old = connections.admit().unwrap();
        let young = connections.admit().unwrap();
        // A whole request makes the older one the younger.
        old.serve();
        old.wait();
        let new = connections.admit().unwrap();
        assert!(is_evicted(&young) && !is_evicted(&old) && !is_evicted(&new));
        assert_eq!(open(&connections), (2, 0));
        drop(young);
        assert_eq!(open(&connections), (2, 0));
        drop((old, new));
        assert_eq!(open(&connections), (0, 0));
    }

    #[test]
    fn who_is_served_is_kept() {
        let connections = Connections::new(1);
        let held = connections.admit().unwrap();
        held.serve();
        let past: Vec<_> = (0..OVERFLOW).map(|_| connections.admit().unwrap()).collect();
        assert!(past.iter().all(Seat::is_overflow) && !is_evicted(&held));
        // The overflow lane evicts too, so /health gets through.
        let one_more = connections.admit().unwrap();
        assert!(is_evicted(&past[0]) && one_more.is_overflow());
        one_more.serve();
        past[1..].iter().for_each(Seat::serve);
        assert!(connections.admit().is_none());
        drop(held);
        assert!(!connections.admit().unwrap().is_overflow());
    }

    #[test]
    fn whoever_takes_no_answer_makes_room_until_it_does() {
        let connections = Connections::new(2);
        let [stalled, slow] = [connections.admit().unwrap(), connections.admit().unwrap()];
        for seat in [&stalled, &slow] {
            seat.serve();
            seat.stall();
            assert!(seat.is_serving());
        }
        slow.resume();
        let new = connections.admit().unwrap();
        assert!(is_evicted(&stalled) && !is_evicted(&slow) && !new.is_overflow());
        // Evicted stays evicted.
        stalled.resume();
        stalled.wait();
        assert!(is_evicted(&stalled));
        new.serve();
        assert!(connections.admit().unwrap().is_overflow());
        slow.stall();
        slow.wait();
        assert!(!slow.is_serving());
        drop((stalled, slow, new));
        assert_eq!(open(&connections), (0, 0));
    }

    #[test]
    fn an_evicted_connection_is_not_counted_twice() {
        let connections = Connections::new(1);
        let evicted = connections.admit().unwrap();
        let _new = connections.admit().unwrap();
        evicted.serve();
        evicted.wait();
        drop(evicted);
        assert_eq!(open(&connections), (1, 0));
    }

    #[test]
    fn no_limit_evicts_nobody() {
        let connections = Connections::new(0);
        let seats: Vec<_> = (0..3000).map(|_| connections.admit().unwrap()).collect();
        assert!(!seats.iter().any(|seat| seat.is_overflow() || is_evicted(seat)));
        connections.evict_one();
        assert!(is_evicted(&seats[0]));
    }
}
