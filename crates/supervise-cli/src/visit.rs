//! Visiting bottles: several at once, but never so many that they take each other's time.

use std::future::Future;
use std::time::Duration;

use supervise_store::StoreError;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::CliError;

/// A bottle's patience runs while it is visited, so only a few may share the processor.
const AT_ONCE: usize = 8;

/// Why a bottle gave nothing.
#[derive(Debug, Error)]
pub(crate) enum VisitError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("it gave no answer within {0} ms")]
    Late(u128),
}

impl VisitError {
    /// Removed between listing the directory and opening it: no bottle, no trouble.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, VisitError::Store(StoreError::Missing { .. }))
    }
}

/// Visits every place, in no particular order of results.
pub(crate) async fn visit_all<P, T, F>(places: Vec<P>, visit: impl Fn(P) -> F) -> Result<Vec<T>, CliError>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut left = places.into_iter();
    let mut visiting: JoinSet<T> = left.by_ref().take(AT_ONCE).map(&visit).collect();
    let mut results = Vec::new();
    while let Some(result) = visiting.join_next().await {
        results.push(result.map_err(|source| CliError::failed("a bottle's reader stopped").because(source))?);
        if let Some(place) = left.next() {
            visiting.spawn(visit(place));
        }
    }
    Ok(results)
}

/// Gives a visit so much time and no more.
pub(crate) async fn within<T>(
    patience: Duration,
    visit: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, VisitError> {
    match timeout(patience, visit).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(VisitError::Late(patience.as_millis())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static INSIDE: AtomicUsize = AtomicUsize::new(0);

    #[tokio::test]
    async fn a_few_at_once_and_all_in_the_end() {
        let places = vec![(); 50];
        let visit = |()| async {
            let inside = INSIDE.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
            INSIDE.fetch_sub(1, Ordering::SeqCst);
            inside
        };
        let most = visit_all(places, visit).await.unwrap();
        assert_eq!(most.len(), 50);
        assert_eq!(most.into_iter().max(), Some(AT_ONCE));
    }

    #[tokio::test]
    async fn who_is_late_is_not_waited_for() {
        let late = within(
            Duration::from_millis(1),
            std::future::pending::<Result<(), StoreError>>(),
        )
        .await;
        assert_eq!(late.unwrap_err().to_string(), "it gave no answer within 1 ms");
    }
}
