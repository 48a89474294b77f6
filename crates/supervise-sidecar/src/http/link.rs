//! What the parts of one connection know about each other: the service, the answer's body and the wire.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use supervise_store::Delivery;

use super::connections::Seat;

/// One connection's shared state.
pub(crate) struct Link {
    peer: IpAddr,
    seat: Seat,
    severed: AtomicBool,
    ambiguous: AtomicBool,
    last: AtomicBool,
    outgoing: Mutex<Outgoing>,
}

/// What the next flush completes.
#[derive(Default)]
struct Outgoing {
    deliveries: Vec<Delivery>,
    answered: bool,
}

impl Link {
    pub(super) fn new(peer: IpAddr, seat: Seat) -> Self {
        Link {
            peer,
            seat,
            severed: AtomicBool::new(false),
            ambiguous: AtomicBool::new(false),
            last: AtomicBool::new(false),
            outgoing: Mutex::default(),
        }
    }

    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Whether a request that is dropped now is dropped because the client closed the connection: not
    /// because this side did, and not because something broke here.
    pub(crate) fn was_left(&self) -> bool {
        !self.severed.load(Ordering::Relaxed) && !std::thread::panicking()
    }

    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// This side is about to close the connection.
    pub(super) fn sever(&self) {
        self.severed.store(true, Ordering::Relaxed);
    }

    /// The current request has both Content-Length and Transfer-Encoding.
    pub(super) fn note_ambiguous_length(&self) {
        self.ambiguous.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_ambiguous_length(&self) -> bool {
        self.ambiguous.load(Ordering::Relaxed)
    }

    /// Nothing more is read from this connection once the current request is answered.
    pub(super) fn end_after_this_answer(&self) {
        self.last.store(true, Ordering::Relaxed);
    }

    pub(super) fn ends_after_this_answer(&self) -> bool {
        self.last.load(Ordering::Relaxed)
    }

    /// The bytes that carry this decision were handed to the connection.
    pub(super) fn deliver(&self, delivery: Option<Delivery>) {
        if let Some(delivery) = delivery {
            self.change_outgoing(|outgoing| outgoing.deliveries.push(delivery));
        }
    }

    /// The whole answer was handed to the connection.
    pub(super) fn answered(&self) {
        self.change_outgoing(|outgoing| outgoing.answered = true);
    }

    /// Everything that was handed to the connection is written to the socket.
    pub(super) fn flushed(&self) {
        let outgoing = self.change_outgoing(std::mem::take);
        outgoing.deliveries.into_iter().for_each(Delivery::delivered);
        if outgoing.answered {
            self.seat.wait();
        }
    }

    fn change_outgoing<T>(&self, change: impl FnOnce(&mut Outgoing) -> T) -> T {
        change(&mut self.outgoing.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
