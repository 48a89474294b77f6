//! What an agent can write into the log: little, and nothing that a terminal acts on.

use std::io::Read as _;
use std::time::Instant;

use crate::bottle::{ask, call};
use crate::client::Client;
use crate::program::{signal, start};

const REQUESTS: usize = 2000;

#[tokio::test]
async fn a_request_that_fails_costs_at_most_a_line_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let queue = dir.path().join("queue");
    let (mut child, address, mut stderr) = start(&queue, &[("SUPERVISE_MAX_PROPOSALS_PER_MINUTE", "0")]);
    // From now on every call is an internal error, which is logged.
    std::fs::remove_dir_all(&queue).unwrap();
    let begun = Instant::now();
    let mut client = Client::connect(address).await;
    for n in 0..REQUESTS {
        let body = call("egress-allow", ask(&format!("h{n}.example.com")));
        let answer = client.post(&body, &[]).await.json();
        assert_eq!(answer["error"]["code"], -32603);
    }
    for _ in 0..200 {
        let mut client = Client::connect(address).await;
        assert_eq!(client.exchange("\u{1b}]0;x\u{7}\r\n\r\n").await.status, 400);
    }
    let seconds = begun.elapsed().as_secs();
    signal(&child, "TERM");
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    stderr.read_to_string(&mut log).unwrap();
    let lines = u64::try_from(log.lines().count()).unwrap();
    assert!(
        (1..=seconds + 4).contains(&lines),
        "{lines} lines in {seconds} s: {log:.2000}"
    );
    assert!(!log.contains('\u{1b}') && log.contains("skipped="), "{log:.2000}");
}
