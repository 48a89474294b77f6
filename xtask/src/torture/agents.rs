//! Agents that ask for hosts, give up, and ask again.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::bottle::Bottle;
use super::ledger::Ledger;
use super::random::Random;

/// One agent: new hosts, hosts it got no answer for, and proposals it was told are pending.
pub(super) fn ask(bottle: &Bottle, ledger: &Ledger, mut random: Random, name: usize, stop: &AtomicBool) {
    let mut unanswered: Vec<String> = Vec::new();
    let mut pending: Vec<(String, String)> = Vec::new();
    let mut asked = 0;
    while !stop.load(Ordering::Relaxed) {
        match random.below(3) {
            0 if !pending.is_empty() => {
                let at = random.below(pending.len());
                let (id, host) = pending.swap_remove(at);
                if !check(bottle, ledger, &id, &host) {
                    pending.push((id, host));
                }
            }
            1 if !unanswered.is_empty() => {
                let host = unanswered.swap_remove(0);
                propose(bottle, ledger, host, &mut unanswered, &mut pending);
            }
            _ => {
                asked += 1;
                let host = format!("a{name}-{asked}.example.com");
                propose(bottle, ledger, host, &mut unanswered, &mut pending);
            }
        }
    }
}

fn propose(
    bottle: &Bottle,
    ledger: &Ledger,
    host: String,
    unanswered: &mut Vec<String>,
    pending: &mut Vec<(String, String)>,
) {
    let arguments = json!({"host": host, "justification": "the tests need it"});
    let Some(told) = bottle.call("egress-allow", &arguments) else {
        // The server may be on its way back.
        std::thread::sleep(std::time::Duration::from_millis(5));
        unanswered.push(host);
        return;
    };
    ledger.answered(&told.id, &host, &told.status);
    if told.status == "pending" {
        pending.push((told.id, host));
    }
}

/// Asks about one proposal; whether it is decided.
pub(super) fn check(bottle: &Bottle, ledger: &Ledger, id: &str, host: &str) -> bool {
    let Some(told) = bottle.call("check-proposal", &json!({"proposal_id": id})) else {
        return false;
    };
    ledger.answered(id, host, &told.status);
    told.status != "pending"
}
