//! What a caller is told, over the life of a proposal.

use serde_json::json;
use supervise_store::Verdict;

use crate::bottle::{Bottle, Server, ask, is_error, proposal_id, text};

fn modify(file: &str) -> Verdict {
    Verdict::Modify {
        final_file: file.to_owned(),
    }
}

#[tokio::test]
async fn approved() {
    let server = Server::start().await;
    let call = server.spawn_call("egress-allow", ask("api.example.com"));
    let id = server.decide(Verdict::Approve, "").await;
    let answer = call.await.unwrap();
    assert_eq!(
        text(&answer),
        format!("status: approved\napplied: no\nproposal: {id}")
    );
    assert!(!is_error(&answer));
    assert_eq!(answer["id"], 1);
}

#[tokio::test]
async fn modified() {
    let server = Server::start().await;
    let call = server.spawn_call("egress-block", ask("api.example.com"));
    let file = "{\n  \"host\": \"www.example.com\"\n}\n";
    let id = server.decide(modify(file), "this one instead").await;
    let answer = call.await.unwrap();
    let lines: Vec<&str> = text(&answer).lines().collect();
    assert_eq!(lines[..2], ["status: modified", "notes: this one instead"]);
    assert!(
        lines[2].contains("operator") && lines[2].contains("final config"),
        "{}",
        lines[2]
    );
    assert_eq!(lines[3..5], ["applied: no", "final config:"]);
    assert!(text(&answer).ends_with(&format!("final config:\n{file}proposal: {id}")));
    assert!(!is_error(&answer));
}

#[tokio::test]
async fn rejected() {
    let server = Server::start().await;
    let arguments = json!({"dockerfile": "FROM scratch\n", "justification": "small"});
    let call = server.spawn_call("capability-block", arguments);
    let id = server.decide(Verdict::Reject, "too small").await;
    let answer = call.await.unwrap();
    assert_eq!(
        text(&answer),
        format!("status: rejected\nnotes: too small\napplied: no\nproposal: {id}")
    );
    assert!(is_error(&answer));
}

#[tokio::test]
async fn pending_names_the_seconds_and_the_way_on() {
    for (seconds, shown) in [(0.05, "0.05s"), (0.25, "0.25s")] {
        let server = Server::with_patience(seconds).await;
        let answer = server.call("egress-allow", ask("api.example.com")).await;
        let lines: Vec<&str> = text(&answer).lines().collect();
        let notes = format!("notes: operator response timed out after {shown}; proposal remains queued");
        assert_eq!(lines[..2], ["status: pending", &notes]);
        assert!(
            lines[2].contains("check-proposal") && lines.len() == 4,
            "{lines:?}"
        );
        assert!(!is_error(&answer));
        let mut pending = server.bottle.pending().await;
        assert_eq!(pending[0].proposal.id, proposal_id(&answer));
        // The operator hears of it, though the answer doesn't wait for that.
        while !pending[0].timed_out {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            pending = server.bottle.pending().await;
        }
    }
}

#[tokio::test]
async fn what_is_stored_is_what_was_asked() {
    let server = Server::with_patience(0.01).await;
    server.call("egress-allow", ask("API.example.com")).await;
    let listed = &server.bottle.pending().await[0];
    let proposal = &listed.proposal;
    assert_eq!(proposal.tool.name(), "egress-allow");
    assert_eq!(proposal.bottle_slug, "dev");
    assert_eq!(proposal.proposed_file, "{\n  \"host\": \"api.example.com\"\n}\n");
    assert_eq!(
        proposal.current_file_hash,
        supervise_core::sha256_hex(&proposal.proposed_file)
    );
    assert_eq!(proposal.justification, "the tests need it");
    assert_eq!(listed.joined, 0);
}

#[tokio::test]
async fn identical_asks_are_one_proposal_and_every_caller_is_answered() {
    let server = Server::start().await;
    let calls: Vec<_> = ["egress-allow", "egress-block", "egress-allow"]
        .map(|tool| server.spawn_call(tool, ask("api.example.com")))
        .into();
    while server.pending(1).await[0].joined < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let id = server.decide(Verdict::Approve, "").await;
    for call in calls {
        assert_eq!(proposal_id(&call.await.unwrap()), id);
    }
    // It is delivered: the same ask is a new proposal.
    let again = server.spawn_call("egress-allow", ask("api.example.com"));
    assert_ne!(server.decide(Verdict::Approve, "").await, id);
    again.await.unwrap();
}

#[tokio::test]
async fn a_late_decision_answers_the_next_identical_call_once() {
    let server = Server::with_patience(0.05).await;
    let first = server.call("egress-allow", ask("api.example.com")).await;
    let id = server.decide(Verdict::Reject, "no").await;
    let late = server.call("egress-block", ask("api.example.com")).await;
    assert_eq!(proposal_id(&first), id);
    assert_eq!(
        text(&late),
        format!("status: rejected\nnotes: no\napplied: no\nproposal: {id}")
    );
    let next = server.call("egress-allow", ask("api.example.com")).await;
    assert!(text(&next).starts_with("status: pending"));
    assert_ne!(proposal_id(&next), id);
}

#[tokio::test]
async fn check_proposal_waits_and_repeats_the_answer() {
    let server = Server::with_patience(0.3).await;
    let id = proposal_id(&server.call("egress-allow", ask("api.example.com")).await);
    let still = server.call("check-proposal", json!({"proposal_id": id})).await;
    assert!(text(&still).starts_with("status: pending\nnotes: operator response timed out after 0.3s"));
    let check = server.spawn_call("check-proposal", json!({"proposal_id": id}));
    server.decide(Verdict::Approve, "fine").await;
    let answer = check.await.unwrap();
    let expected = format!("status: approved\nnotes: fine\napplied: no\nproposal: {id}");
    assert_eq!(text(&answer), expected);
    // Delivered, and still there to be read.
    for _ in 0..2 {
        let again = server.call("check-proposal", json!({"proposal_id": id})).await;
        assert_eq!(text(&again), expected);
    }
}

#[tokio::test]
async fn check_proposal_without_an_id_lists_and_delivers_nothing() {
    let server = Server::with_patience(0.05).await;
    assert_eq!(
        text(&server.call("check-proposal", json!({})).await),
        "no proposals"
    );
    let one = proposal_id(&server.call("egress-allow", ask("one.example.com")).await);
    server.bottle.decide(&one, Verdict::Reject, "").await;
    let arguments = json!({"dockerfile": "FROM x", "justification": "j"});
    let two = proposal_id(&server.call("capability-block", arguments).await);
    let expected = format!("{one} egress-allow rejected\n{two} capability-block pending");
    for _ in 0..2 {
        let list = server.call("check-proposal", json!({"proposal_id": null})).await;
        assert_eq!(text(&list), expected);
        assert!(!is_error(&list));
    }
    let late = server.call("egress-allow", ask("one.example.com")).await;
    assert_eq!(
        text(&late),
        format!("status: rejected\napplied: no\nproposal: {one}")
    );
}

#[tokio::test]
async fn unknown_ids_are_unknown() {
    let server = Server::with_patience(0.05).await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    for tool in ["check-proposal", "withdraw-proposal"] {
        for id in [
            nobody,
            "x",
            "",
            "../../etc",
            "0",
            &nobody.to_uppercase(),
            &"9".repeat(1000),
        ] {
            let answer = server.call(tool, json!({"proposal_id": id})).await;
            assert!(text(&answer).starts_with("status: unknown"), "{id}: {answer}");
            assert!(is_error(&answer));
        }
    }
}

#[tokio::test]
async fn withdrawing_ends_every_hold() {
    let server = Server::start().await;
    let calls: Vec<_> = (0..2)
        .map(|_| server.spawn_call("egress-allow", ask("api.example.com")))
        .collect();
    while server.pending(1).await[0].joined < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let id = server.pending(1).await[0].proposal.id.clone();
    let expected = format!("status: withdrawn\nproposal: {id}");
    let answer = server.call("withdraw-proposal", json!({"proposal_id": id})).await;
    assert_eq!(text(&answer), expected);
    assert!(!is_error(&answer));
    for call in calls {
        assert_eq!(text(&call.await.unwrap()), expected);
    }
    assert!(server.bottle.pending().await.is_empty());
    for tool in ["check-proposal", "withdraw-proposal"] {
        let again = server.call(tool, json!({"proposal_id": id})).await;
        assert_eq!(text(&again), expected, "{tool}");
    }
}

#[tokio::test]
async fn withdrawing_what_was_decided_tells_the_decision() {
    let server = Server::with_patience(0.05).await;
    let id = proposal_id(&server.call("egress-allow", ask("api.example.com")).await);
    server.bottle.decide(&id, Verdict::Approve, "").await;
    let answer = server.call("withdraw-proposal", json!({"proposal_id": id})).await;
    assert_eq!(
        text(&answer),
        format!("status: approved\napplied: no\nproposal: {id}")
    );
}

#[tokio::test]
async fn withdrawing_while_an_operator_decides_says_so() {
    let server = Server::with_patience(0.05).await;
    let id = proposal_id(&server.call("egress-allow", ask("api.example.com")).await);
    let Bottle { root, slug, .. } = &server.bottle;
    let queue = supervise_store::Queue::open(&server.bottle.queue_dir(), slug)
        .await
        .unwrap();
    let host = supervise_store::Host::create(root).await.unwrap();
    let request = supervise_store::DecisionRequest {
        id: id.clone(),
        digest: queue.proposal_page().await.unwrap().proposals[0]
            .proposal
            .digest(),
        verdict: Verdict::Approve,
        notes: String::new(),
        sticky: supervise_store::Sticky::NONE,
        operator: "ada".to_owned(),
        via: "test".to_owned(),
    };
    let lock = host.bottle_lock(slug).await.unwrap();
    let claimed = host.decision_claim(lock, &queue, request).await.unwrap();
    let answer = server.call("withdraw-proposal", json!({"proposal_id": id})).await;
    assert!(
        text(&answer).starts_with("status: pending\nnotes: being decided\n"),
        "{answer}"
    );
    assert_eq!(proposal_id(&answer), id);
    assert!(!is_error(&answer));
    drop(claimed);
}

#[tokio::test]
async fn a_sidecar_that_starts_holds_what_an_earlier_one_queued() {
    let server = Server::with_patience(0.05).await;
    let id = proposal_id(&server.call("egress-allow", ask("api.example.com")).await);
    let server = server.stop().await.serve(|_| ()).await;
    let call = server.spawn_call("egress-allow", ask("api.example.com"));
    while server.pending(1).await[0].joined < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(server.decide(Verdict::Approve, "").await, id);
    assert_eq!(proposal_id(&call.await.unwrap()), id);
}
