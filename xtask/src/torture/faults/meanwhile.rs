//! What both programs do while a fault lasts: their work, or a plain word that they can't.

use std::process::Output;

use serde_json::Value;

use super::expected::Expected;
use super::scene::Scene;

/// Those of the contract; anything else is a crash.
const EXIT_CODES: [i32; 7] = [0, 1, 2, 3, 4, 5, 7];

/// What was promised meanwhile.
pub(super) struct Seen {
    pub(super) acknowledged: Vec<String>,
    approved: Option<i32>,
    health: u16,
    list: Option<i32>,
    doctor: Option<i32>,
    verify: Option<i32>,
    /// Calls that ended without an answer.
    unanswered: usize,
    answer: String,
    /// What each of both said.
    listing: String,
    refusal: String,
}

impl Seen {
    pub(super) fn summary(&self) -> String {
        let code = |code: Option<i32>| code.map_or("-".to_owned(), |code| code.to_string());
        format!(
            "health {}, list {}, approve {}, doctor {}, verify {}, ask: {}",
            self.health,
            code(self.list),
            code(self.approved),
            code(self.doctor),
            code(self.verify),
            self.answer
        )
    }

    /// What is other than promised.
    pub(super) fn unlike(&self, expected: &Expected) -> Vec<String> {
        let mut found = Vec::new();
        if !expected.health.contains(&self.health) {
            found.push(format!("health is {}, not of {:?}", self.health, expected.health));
        }
        if self.unanswered > 0 && !expected.health.contains(&0) {
            found.push(format!("an agent's call had no answer: {}", self.answer));
        }
        for (verb, code, codes) in [
            ("list", self.list, expected.list),
            ("approve", self.approved, expected.approve),
            ("doctor", self.doctor, expected.doctor),
            ("audit verify", self.verify, expected.verify),
        ] {
            if !code.is_some_and(|code| codes.contains(&code)) {
                found.push(format!("{verb} ends with {code:?}, not with one of {codes:?}"));
            }
        }
        for (code, said) in [(self.list, &self.listing), (self.approved, &self.refusal)] {
            if code != Some(0) && !expected.words.iter().any(|word| said.contains(word)) {
                found.push(format!("none of {:?} is in: {said}", expected.words));
            }
        }
        found
    }

    /// Whether the operator's program said that the pending proposal is approved.
    pub(super) fn was_approved(&self) -> bool {
        self.approved == Some(0)
    }
}

pub(super) fn look(scene: &Scene) -> Seen {
    let mut seen = Seen {
        acknowledged: Vec::new(),
        approved: None,
        health: 0,
        list: None,
        doctor: None,
        verify: None,
        unanswered: 0,
        answer: String::new(),
        listing: String::new(),
        refusal: String::new(),
    };
    ask(scene, &mut seen);
    seen.health = health(scene);
    (seen.list, seen.listing) = operate(scene, &["list"]);
    seen.doctor = operate(scene, &["doctor"]).0;
    seen.verify = operate(scene, &["audit", "verify"]).0;
    operate(scene, &["routes", "show", super::scene::SLUG]);
    (seen.approved, seen.refusal) = operate(scene, &["approve", "--json", &scene.pending.id]);
    ask(scene, &mut seen);
    scene.world.expect_no_panic(scene.ledger);
    seen
}

/// 200 or 503; 0 is no answer.
pub(super) fn health(scene: &Scene) -> u16 {
    scene.world.bottles[0].health().unwrap_or_default()
}

/// An agent's call ends in an acknowledged proposal or in an error, and soon.
fn ask(scene: &Scene, seen: &mut Seen) {
    match scene.ask() {
        Ok(answer) => {
            let text = answer["result"]["content"][0]["text"]
                .as_str()
                .unwrap_or_default();
            let id = text.lines().find_map(|line| line.strip_prefix("proposal: "));
            seen.acknowledged.extend(id.map(str::to_owned));
            seen.answer = said(&answer, text);
            let internal = answer["error"]["code"] == -32603;
            if !internal && id.is_none() && !text.starts_with("status: ") {
                scene.find(&format!("an agent is told {answer}"));
            }
        }
        // Out of descriptors a connection can't even be taken; everything else is answered.
        Err(error) => {
            seen.answer = error.to_string();
            seen.unanswered += 1;
        }
    }
}

fn said(answer: &Value, text: &str) -> String {
    match answer["error"]["code"].as_i64() {
        Some(code) => code.to_string(),
        None => text.lines().next().unwrap_or_default().to_owned(),
    }
}

/// A verb's exit code and what it says; whatever it says must be a sentence, and no panic.
fn operate(scene: &Scene, verb: &[&str]) -> (Option<i32>, String) {
    let output = match scene.operate(verb) {
        Ok(output) => output,
        Err(failed) => {
            scene.find(failed.reason());
            return (None, String::new());
        }
    };
    let (code, said) = (output.status.code(), text(&output));
    let known = code.is_some_and(|code| EXIT_CODES.contains(&code));
    // The loader needs descriptors too, and its exit code is its own.
    let loader =
        said.contains("error while loading shared libraries") || said.contains("cannot open shared object");
    if !known && !loader {
        scene.find(&format!("{} ends with {}: {said}", verb.join(" "), output.status));
    }
    if said.contains("panicked") {
        scene.find(&format!("{} panics: {said}", verb.join(" ")));
    }
    if code != Some(0) && output.stderr.is_empty() && output.stdout.is_empty() {
        scene.find(&format!(
            "{} ends with {} and says nothing",
            verb.join(" "),
            output.status
        ));
    }
    // With --json a refusal is data.
    let data = String::from_utf8_lossy(&output.stdout).replace('\n', " / ");
    (code, format!("{said} {data}"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).replace('\n', " / ")
}
