//! Many operators at once: one winner for each proposal, and the others are told who won.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::Instant;

use supervise_core::{Proposal, Tool};
use supervise_store::State;

use crate::world::{Ran, World, slug};

const PROPOSALS: usize = 500;
const OPERATORS: usize = 8;

/// The same ids in an order of its own for each operator.
fn shuffled(ids: &[String], seed: usize) -> Vec<String> {
    let mut ids = ids.to_vec();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    for at in (1..ids.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ids.swap(at, (state % (at as u64 + 1)) as usize);
    }
    ids
}

#[test]
fn eight_operators_and_five_hundred_proposals() {
    let world = World::new();
    let ids: Vec<String> = world.with_queue(&slug("dev"), async |queue| {
        let mut ids = Vec::new();
        for number in 0..PROPOSALS {
            let proposal = Proposal::new(&slug("dev"), Tool::GitleaksAllow, number.to_string(), "race");
            queue.proposal_submit(proposal.clone()).await.unwrap();
            ids.push(proposal.id);
        }
        ids
    });

    let start = Instant::now();
    let operators: Vec<_> = (0..OPERATORS)
        .map(|number| {
            let verb: &[&str] = if number % 2 == 0 {
                &["approve"]
            } else {
                &["reject", "--notes", "no"]
            };
            let ids = shuffled(&ids, number);
            let arguments: Vec<&str> = verb
                .iter()
                .copied()
                .chain(["--json"])
                .chain(ids.iter().map(String::as_str))
                .collect();
            let mut command = world.command(&arguments);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let ran: Vec<Ran> = operators
        .into_iter()
        .map(|operator| Ran::of(operator.wait_with_output().unwrap()))
        .collect();
    eprintln!(
        "{OPERATORS} operators, {PROPOSALS} proposals: {:?}",
        start.elapsed()
    );

    let mut winners: HashMap<String, String> = HashMap::new();
    for operator in &ran {
        let lines = operator.json_lines();
        assert_eq!(lines.len(), PROPOSALS, "{}", operator.err);
        for line in lines.iter().filter(|line| line["status"].is_string()) {
            let id = line["id"].as_str().unwrap().to_owned();
            let status = line["status"].as_str().unwrap().to_owned();
            assert_eq!(winners.insert(id.clone(), status), None, "{id} was won twice");
        }
    }
    assert_eq!(winners.len(), PROPOSALS);
    for line in ran
        .iter()
        .flat_map(Ran::json_lines)
        .filter(|line| line["status"].is_null())
    {
        let winner = &winners[line["id"].as_str().unwrap()];
        assert_eq!(line["exit_code"], 4, "{line}");
        assert!(
            line["error"]
                .as_str()
                .unwrap()
                .ends_with(&format!("is already {winner}")),
            "{line}"
        );
    }

    let audit = world.audit();
    assert_eq!(audit.len(), PROPOSALS);
    for row in &audit {
        assert_eq!(
            &row.entry.operator_action,
            &winners[row.origin.proposal_id.as_ref().unwrap()]
        );
    }
    let answered: HashMap<String, String> = world.with_queue(&slug("dev"), async |queue| {
        let mut answered = HashMap::new();
        for id in &ids {
            let found = queue.proposal_find(id).await.unwrap().remove(0);
            let State::Decided(answer) = found.state else {
                panic!("{id}: {:?}", found.state)
            };
            answered.insert(id.clone(), answer.response.status.name().to_owned());
        }
        answered
    });
    assert_eq!(answered, winners);
}
