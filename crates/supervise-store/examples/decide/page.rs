//! How long it takes to read what is pending, from an open queue and with opening one.

use std::time::{Duration, Instant};

use supervise_store::Queue;

use crate::clock::spread;
use crate::{Bench, Error};

/// Milliseconds, the median and the longest: of the reading alone, then of opening, reading and closing.
pub(crate) async fn time(bench: &Bench, times: usize) -> Result<String, Error> {
    let (mut reads, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let start = Instant::now();
        reads.push(read(bench).await?);
        whole.push(start.elapsed());
    }
    Ok(format!("{} {}", spread(reads), spread(whole)))
}

async fn read(bench: &Bench) -> Result<Duration, Error> {
    let queue = Queue::open_read_only(&bench.root.queue_dir(&bench.slug), &bench.slug).await?;
    let start = Instant::now();
    let page = queue.proposal_page().await?;
    let took = start.elapsed();
    queue.close().await;
    if page.proposals.is_empty() {
        return Err("nothing is pending".into());
    }
    Ok(took)
}
