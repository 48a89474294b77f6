//! What the parts of one connection know about each other: the service, the answer's body and the wire.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::connections::Seat;
use crate::exchange::Parcel;
use crate::metrics::Metrics;

/// One connection's shared state.
pub(crate) struct Link {
    peer: IpAddr,
    seat: Seat,
    metrics: Arc<Metrics>,
    severed: AtomicBool,
    /// How often the connection was let run, and when it last began a request.
    turn: AtomicU64,
    begun_in: AtomicU64,
    /// Requests that were begun to be served.
    requests: AtomicU64,
    /// The one whose length is ambiguous, the last of its connection; 0 = none.
    ambiguous: AtomicU64,
    last: AtomicBool,
    undecided: AtomicUsize,
    outgoing: Mutex<Outgoing>,
    ending: Mutex<Ending>,
    ended: Notify,
}

/// That the client sends nothing more, and whether the HTTP library may know. It takes that for a client
/// that is gone, and drops the request; but many a simple client closes its half once it has sent all.
#[derive(Default)]
struct Ending {
    seen: bool,
    /// Whole requests that are not answered yet. Below zero when one was answered before it was whole.
    owed: isize,
    /// Whether it may know all the same.
    passed: bool,
    reader: Option<Waker>,
}

/// What the next flush completes.
#[derive(Default)]
struct Outgoing {
    parcels: Vec<Parcel>,
    answers: isize,
}

impl Ending {
    fn is_withheld(&self) -> bool {
        self.owed > 0 && !self.passed
    }
}

/// What a flush came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    Part,
    /// The last byte of an answer.
    Answer,
}

/// That a call on this connection waits, until it is dropped.
pub(crate) struct Undecided(Arc<Link>);

impl Drop for Undecided {
    fn drop(&mut self) {
        self.0.undecided.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Link {
    pub(super) fn new(peer: IpAddr, seat: Seat, metrics: Arc<Metrics>) -> Self {
        Link {
            peer,
            seat,
            metrics,
            severed: AtomicBool::new(false),
            turn: AtomicU64::new(1),
            begun_in: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            ambiguous: AtomicU64::new(0),
            last: AtomicBool::new(false),
            undecided: AtomicUsize::new(0),
            outgoing: Mutex::default(),
            ending: Mutex::default(),
            ended: Notify::new(),
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

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// A call waits for its answer. While it does, nobody else gets this connection's place, not even if an
    /// answer to an earlier request is never read.
    pub(crate) fn undecided(self: &Arc<Self>) -> Undecided {
        self.undecided.fetch_add(1, Ordering::Relaxed);
        self.seat.resume();
        Undecided(Arc::clone(self))
    }

    /// The client doesn't take what it asked for.
    pub(super) fn stall(&self) {
        if !self.has_undecided() {
            self.seat.stall();
        }
    }

    fn has_undecided(&self) -> bool {
        self.undecided.load(Ordering::Relaxed) > 0
    }

    /// This side is about to close the connection.
    pub(super) fn sever(&self) {
        self.severed.store(true, Ordering::Relaxed);
    }

    /// The runtime lets this connection run; the others have had their turn.
    pub(super) fn begin_turn(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    /// The next request begins, one in each turn: who sends many at once is not answered before everybody else.
    pub(super) async fn begin_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        // The library polls a request several times within one turn, so a yield of the runtime's is none here.
        poll_fn(|cx| {
            let turn = self.turn.load(Ordering::Relaxed);
            if self.begun_in.swap(turn, Ordering::Relaxed) != turn {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// That request, the first is 1, doesn't say clearly how long it is.
    pub(super) fn note_ambiguous_length(&self, request: u64) {
        self.ambiguous.store(request, Ordering::Relaxed);
    }

    /// Whether the current request is the one.
    pub(super) fn has_ambiguous_length(&self) -> bool {
        self.ambiguous.load(Ordering::Relaxed) == self.requests.load(Ordering::Relaxed)
    }

    /// Nothing more is read from this connection once the current request is answered.
    pub(super) fn end_after_this_answer(&self) {
        self.last.store(true, Ordering::Relaxed);
    }

    pub(super) fn ends_after_this_answer(&self) -> bool {
        self.last.load(Ordering::Relaxed)
    }

    /// The bytes that carry this decision were handed to the connection.
    pub(super) fn deliver(&self, parcel: Option<Parcel>) {
        if let Some(parcel) = parcel {
            self.change_outgoing(|outgoing| outgoing.parcels.push(parcel));
        }
    }

    /// Whether what is written next carries a decision.
    pub(super) fn carries_decision(&self) -> bool {
        self.change_outgoing(|outgoing| !outgoing.parcels.is_empty())
    }

    /// Nobody reads what is written next: the decision it carries waits for whoever asks again.
    pub(super) fn take_back(&self) {
        drop(self.change_outgoing(|outgoing| std::mem::take(&mut outgoing.parcels)));
    }

    /// The whole answer was handed to the connection.
    pub(super) fn answered(&self) {
        self.change_outgoing(|outgoing| outgoing.answers += 1);
    }

    /// Everything that was handed to the connection is written to the socket. Whether that ends an answer.
    pub(super) fn flushed(&self) -> Flushed {
        let outgoing = self.change_outgoing(std::mem::take);
        for parcel in outgoing.parcels {
            self.metrics.answered(parcel.noticed_at.elapsed());
            parcel.delivery.delivered();
        }
        self.seat.resume();
        if outgoing.answers == 0 {
            return Flushed::Part;
        }
        // What was written late may be the answer before the call that waits now.
        if !self.has_undecided() {
            self.seat.wait();
        }
        self.change_ending(|ending| {
            ending.owed -= outgoing.answers;
            ending.passed = false;
        });
        Flushed::Answer
    }

    /// The client sends nothing more. Ready when the library may know.
    pub(super) fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        let mut ending = self.ending();
        if !std::mem::replace(&mut ending.seen, true) {
            self.ended.notify_one();
        }
        if ending.is_withheld() {
            ending.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// So many whole requests were read. A client that now closes its half still gets its answers.
    pub(super) fn owe(&self, requests: isize) {
        self.ending().owed += requests;
    }

    /// As [`Link::owe`] for a request whose end only the library could see.
    pub(super) fn owe_this(&self) {
        let mut ending = self.ending();
        ending.owed = ending.owed.max(1);
    }

    /// Until this request is answered, a client that closes its half is a client that has gone.
    pub(crate) fn pass_end(&self) {
        self.change_ending(|ending| ending.passed = true);
    }

    fn change_ending(&self, change: impl FnOnce(&mut Ending)) {
        let mut ending = self.ending();
        change(&mut ending);
        if !ending.is_withheld()
            && let Some(reader) = ending.reader.take()
        {
            reader.wake();
        }
    }

    /// Whether the client was seen to close its half.
    pub(crate) fn has_client_ended(&self) -> bool {
        self.ending().seen
    }

    /// Ready once the client has closed its half.
    pub(crate) async fn client_ended(&self) {
        self.ended.notified().await;
    }

    fn ending(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_outgoing<T>(&self, change: impl FnOnce(&mut Outgoing) -> T) -> T {
        change(&mut self.outgoing.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use supervise_core::{Ask, Tool};
    use supervise_store::{Asked, Limits, Queue};
    use tokio::sync::watch;

    use super::super::connections::Connections;
    use super::*;
    use crate::Config;
    use crate::answer::Pending;
    use crate::hold::{End, Held, WhenLeft};
    use crate::sidecar::{Phase, Sidecar};

    async fn ask(queue: &Queue) -> Asked {
        let ask = Ask {
            tool: Tool::EgressAllow,
            proposed_file: "{}".to_owned(),
            justification: "why".to_owned(),
        };
        queue.proposal_ask(ask, Limits::default()).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_in_one_breath_with_the_end_waits_for_who_asks_again() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new("dev".parse().unwrap(), dir.path().join("queue"));
        let queue = Queue::create(&config.queue_dir, &config.bottle).await.unwrap();
        let (_phase, phases) = watch::channel(Phase::Serving);
        let sidecar = Sidecar::new(config, queue.clone(), phases);
        let seat = Connections::new(0).admit().unwrap();
        let link = Arc::new(Link::new(Ipv4Addr::LOCALHOST.into(), seat, Metrics::new()));
        let Asked::Held(hold) = ask(&queue).await else {
            panic!("not held");
        };
        queue.respond_as_the_other_program(hold.id()).await.unwrap();
        let held = Held::new(hold, WhenLeft::Keep, Arc::clone(&link));
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        // Both are there before the call is looked at again.
        let _ = link.poll_end(&Context::from_waker(Waker::noop()));
        let end = held.end(&sidecar, 5.0, None).await;
        assert!(matches!(end, End::Pending(_, Pending::Left)));
        assert!(matches!(ask(&queue).await, Asked::Decided(_)));
    }
}
