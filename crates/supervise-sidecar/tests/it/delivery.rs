//! A decision counts as delivered when its answer was written to the caller, and not before.

use std::time::Duration;

use serde_json::{Value, json};
use supervise_store::{Queue, State, Verdict};
use tokio::time::sleep;

use crate::bottle::{Server, call, proposal_id, text};

/// A file of the largest size that is read back.
const FILE_BYTES: usize = 4 * 1024 * 1024;

/// A file that is six times as large in JSON: more than the buffers between a server and a client that
/// doesn't read can take.
fn big_file() -> String {
    "\u{1}".repeat(FILE_BYTES)
}

fn ask() -> Value {
    json!({"dockerfile": "FROM debian:13\n", "justification": "j"})
}

async fn is_undelivered(server: &Server, id: &str) -> bool {
    let list = server.call("check-proposal", json!({})).await;
    text(&list).contains(id)
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_not_delivered() {
    let server = Server::start().await;
    for accept in [vec![], vec![("Accept", "text/event-stream")]] {
        let mut client = server.connect().await;
        client.send_post(&call("capability-block", ask()), &accept).await;
        server.pending(1).await;
        sleep(Duration::from_millis(300)).await;
        let final_file = big_file();
        let id = server.decide(Verdict::Modify { final_file }, "").await;
        sleep(Duration::from_millis(500)).await;
        assert!(is_undelivered(&server, &id).await);
        drop(client);
        sleep(Duration::from_millis(200)).await;
        assert!(is_undelivered(&server, &id).await);
        // The next identical call gets it, once.
        let answer = server.call("capability-block", ask()).await;
        assert_eq!(proposal_id(&answer), id);
        assert!(text(&answer).len() > FILE_BYTES);
        sleep(Duration::from_millis(200)).await;
        assert!(!is_undelivered(&server, &id).await);
    }
}

#[tokio::test]
async fn an_answer_that_was_written_is_delivered() {
    let server = Server::start().await;
    for accept in [vec![], vec![("Accept", "text/event-stream")]] {
        let mut client = server.connect().await;
        client.send_post(&call("capability-block", ask()), &accept).await;
        server.pending(1).await;
        sleep(Duration::from_millis(300)).await;
        let id = server.decide(Verdict::Approve, "").await;
        let response = client.response().await;
        assert!(response.body.contains("status: approved"), "{response:?}");
        sleep(Duration::from_millis(200)).await;
        assert!(!is_undelivered(&server, &id).await);
        let queue = Queue::open_read_only(&server.bottle.queue_dir(), &server.bottle.slug)
            .await
            .unwrap();
        let found = queue.proposal_find(&id).await.unwrap();
        assert!(
            matches!(found[0].state, State::Decided(_)),
            "{:?}",
            found[0].state
        );
    }
}
