//! What had been promised when the power went, against what is there afterwards.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::torture::operator::field;

/// Everything acknowledged so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Promises {
    proposed: Vec<String>,
    /// Status and host by id.
    decided: BTreeMap<String, (String, String)>,
}

impl Promises {
    pub(super) fn note(&mut self, promise: &Value) {
        if let Some(id) = promise["proposed"].as_str() {
            self.proposed.push(id.to_owned());
        }
        if let Some(id) = promise["decided"].as_str() {
            let decision = (
                field(promise, "status").to_owned(),
                field(promise, "host").to_owned(),
            );
            self.decided.insert(id.to_owned(), decision);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.proposed.len() + self.decided.len()
    }

    pub(super) fn ids(&self) -> String {
        self.proposed.join(",")
    }

    /// What is missing of it in `there`, an answer of the example `reopen`, and in the routes file.
    pub(super) fn broken(&self, there: &Value, routes: &str) -> Vec<String> {
        let mut broken: Vec<String> = strings(&there["troubles"]).map(str::to_owned).collect();
        for id in &self.proposed {
            let state = there["proposals"][id].as_str().unwrap_or("gone");
            let promised = match self.decided.get(id) {
                Some((status, _)) => state == status,
                None => ["pending", "being decided", "approved", "rejected"].contains(&state),
            };
            if !promised {
                broken.push(format!("an acknowledged proposal is {state}"));
            }
        }
        for (id, (status, host)) in &self.decided {
            let entries = entries(there, id);
            if entries != [status] {
                broken.push(format!("it was {status}, and its audit entries say {entries:?}"));
            }
            if (status == "approved") != routes.contains(&format!("{host}\n")) {
                broken.push(format!("{host} was {status}, and the routes say otherwise"));
            }
        }
        broken
    }
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn entries<'a>(there: &'a Value, id: &str) -> Vec<&'a str> {
    let audit = there["audit"].as_array().into_iter().flatten();
    audit
        .filter(|entry| entry[0] == id)
        .filter_map(|entry| entry[1].as_str())
        .collect()
}
