//! The limits of the contract's part 2, each met and each passed by a join.

use serde_json::{Value, json};
use supervise_sidecar::Config;

use crate::bottle::{Bottle, Server, ask, is_error, text};

async fn limited(change: impl FnOnce(&mut Config)) -> Server {
    Bottle::new()
        .serve(|config| {
            config.response_timeout = Some(0.01);
            change(config);
        })
        .await
}

fn assert_refused(answer: &Value, word: &str) {
    let lines: Vec<&str> = text(answer).lines().collect();
    assert_eq!(lines[0], "status: refused", "{answer}");
    assert!(
        lines[1].starts_with("notes: ") && lines[1].contains(word),
        "{answer}"
    );
    assert!(lines.len() == 2 && is_error(answer), "{answer}");
}

#[tokio::test]
async fn pending_proposals() {
    let server = limited(|config| config.limits.max_pending = 2).await;
    for host in ["a.example.com", "b.example.com"] {
        assert!(!is_error(&server.call("egress-allow", ask(host)).await));
    }
    assert_refused(
        &server.call("egress-allow", ask("c.example.com")).await,
        "2 proposals",
    );
    assert!(!is_error(
        &server.call("egress-allow", ask("a.example.com")).await
    ));
    assert_eq!(server.bottle.pending().await.len(), 2);
}

#[tokio::test]
async fn proposals_within_a_minute() {
    let server = limited(|config| config.limits.max_per_minute = 2).await;
    for host in ["a.example.com", "b.example.com"] {
        let answer = server.call("egress-allow", ask(host)).await;
        let id = crate::bottle::proposal_id(&answer);
        server.call("withdraw-proposal", json!({"proposal_id": id})).await;
    }
    assert_refused(&server.call("egress-allow", ask("c.example.com")).await, "minute");
    assert!(server.bottle.pending().await.is_empty());
}

#[tokio::test]
async fn bytes_in_the_queue() {
    let server = limited(|config| config.limits.max_queue_bytes = 200 * 1024).await;
    let dockerfile =
        |n: usize| json!({"dockerfile": format!("{n}{}", "x".repeat(60_000)), "justification": "j"});
    let mut answers = Vec::new();
    for n in 0..5 {
        answers.push(server.call("capability-block", dockerfile(n)).await);
    }
    assert!(!is_error(&answers[0]));
    assert_refused(&answers[4], "bytes");
}

#[tokio::test]
async fn zero_is_no_limit() {
    let server = limited(|config| {
        (
            config.limits.max_pending,
            config.limits.max_per_minute,
            config.limits.max_queue_bytes,
        ) = (0, 0, 0);
        config.max_connections = 0;
    })
    .await;
    for n in 0..70 {
        assert!(!is_error(
            &server
                .call("egress-allow", ask(&format!("h{n}.example.com")))
                .await
        ));
    }
    assert_eq!(server.bottle.pending().await.len(), 70);
}
