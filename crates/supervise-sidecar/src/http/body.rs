//! Request bodies: of a stated length, of bounded size, within a time limit, on a shared budget.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{HeaderMap, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

const MAX_BODY_BYTES: usize = 1024 * 1024;
/// A body's beginning counts against no budget, so that an ordinary request never waits for a greedy one.
const FREE_BYTES: usize = 16 * 1024;
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A whole body. While it lives, its size counts against the budget.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    _share: Share,
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    LengthRequired,
    TooLarge,
    /// It didn't arrive in time, or the budget had no room in time.
    TimedOut,
    /// It broke off, or its chunks make no sense.
    Broken,
}

/// Reads a request's body.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    budget: &Arc<Semaphore>,
) -> Result<Body, BodyError> {
    check_length(headers)?;
    let whole = timeout(TIME_LIMIT, collect(body, budget)).await;
    whole.unwrap_or(Err(BodyError::TimedOut))
}

fn check_length(headers: &HeaderMap) -> Result<(), BodyError> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(());
    }
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.ok_or(BodyError::LengthRequired)?.to_str().ok();
    match length.and_then(|text| text.trim().parse::<usize>().ok()) {
        Some(length) if length <= MAX_BODY_BYTES => Ok(()),
        // What doesn't fit into a number is a number too large.
        _ => Err(BodyError::TooLarge),
    }
}

/// Copies the pieces together as they come: each one, however small, holds on to a read buffer. The budget
/// is charged for what has arrived; an announced length costs an attacker nothing.
async fn collect(mut body: Incoming, budget: &Arc<Semaphore>) -> Result<Body, BodyError> {
    let mut whole = BytesMut::new();
    let mut share = Share::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        // What isn't data is trailers, and nobody asked for any.
        let piece = frame.into_data().unwrap_or_default();
        let length = whole.len() + piece.len();
        if length > MAX_BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        share.grow(length, budget).await;
        whole.extend_from_slice(&piece);
    }
    Ok(Body {
        bytes: whole.freeze(),
        _share: share,
    })
}

/// A body's part of the budget, a permit for each KiB.
#[derive(Default)]
struct Share(Option<OwnedSemaphorePermit>);

impl Share {
    async fn grow(&mut self, length: usize, budget: &Arc<Semaphore>) {
        let wanted = length.saturating_sub(FREE_BYTES).div_ceil(1024);
        let held = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(wanted.saturating_sub(held)).unwrap_or(u32::MAX);
        if missing == 0 {
            return;
        }
        // The budget is never closed, so there is nothing to report.
        if let Ok(more) = Arc::clone(budget).acquire_many_owned(missing).await {
            match &mut self.0 {
                Some(held) => held.merge(more),
                None => self.0 = Some(more),
            }
        }
    }
}
