//! Places where a test can make this program panic. They exist in unit tests only.

use std::cell::Cell;

/// Where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// The message is read, its id is not known yet.
    Request,
    /// The id is known.
    Method,
    /// In the task that puts an ask to the store.
    Ask,
    /// The store has answered.
    Heard,
    /// While the call is held.
    Held,
}

thread_local! {
    static ARMED: Cell<Option<Point>> = const { Cell::new(None) };
}

/// The next time this thread comes by there, it panics; once.
pub(crate) fn arm(point: Point) {
    ARMED.set(Some(point));
}

pub(crate) fn hit(point: Point) {
    if ARMED.get() == Some(point) {
        ARMED.set(None);
        panic!("a failpoint: {point:?}");
    }
}
