//! Request bodies: of a stated length, of bounded size, within a time limit, on a shared budget.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{HeaderMap, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

const MAX_BODY_BYTES: usize = 1024 * 1024;
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A whole body. While it lives, its size counts against the budget.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
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
    let size = size(headers)?;
    let read = async {
        let share = reserve(budget, size).await;
        let body = Limited::new(body, MAX_BODY_BYTES);
        match body.collect().await {
            Ok(whole) => Ok(Body {
                bytes: whole.to_bytes(),
                _share: share,
            }),
            Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
            Err(_) => Err(BodyError::Broken),
        }
    };
    timeout(TIME_LIMIT, read)
        .await
        .unwrap_or(Err(BodyError::TimedOut))
}

/// The bytes the body may need. Chunks don't tell, so they are counted as the most there may be.
fn size(headers: &HeaderMap) -> Result<usize, BodyError> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(MAX_BODY_BYTES);
    }
    let length = headers
        .get(header::CONTENT_LENGTH)
        .ok_or(BodyError::LengthRequired)?;
    let length = length.to_str().ok().and_then(|text| text.trim().parse().ok());
    match length {
        Some(length) if length <= MAX_BODY_BYTES => Ok(length),
        // What doesn't fit into a number is a number too large.
        _ => Err(BodyError::TooLarge),
    }
}

async fn reserve(budget: &Arc<Semaphore>, size: usize) -> Option<OwnedSemaphorePermit> {
    let kib = u32::try_from(size.div_ceil(1024)).ok()?;
    // The budget is never closed, so there is nothing to report.
    Arc::clone(budget).acquire_many_owned(kib).await.ok()
}
