//! A response: the operator's decision on one proposal.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::field::{self, FieldError};

/// What the operator decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As proposed.
    Approved,
    /// Approved in a form the operator edited.
    Modified,
    /// Refused.
    Rejected,
}

const WORDS: [(&str, Status); 3] = [
    ("approved", Status::Approved),
    ("modified", Status::Modified),
    ("rejected", Status::Rejected),
];

impl Status {
    /// The status of that name, or an error that lists the names.
    pub fn from_name(name: &str) -> Result<Status, FieldError> {
        field::word(name.to_owned(), "status", &WORDS)
    }

    /// The name on the wire and in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Status::Approved => "approved",
            Status::Modified => "modified",
            Status::Rejected => "rejected",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The operator's answer to one proposal. As JSON it is an object with these field names; `final_file`
/// may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Response {
    /// The proposal it answers.
    pub proposal_id: String,
    /// The decision.
    pub status: Status,
    /// The operator's words; may be empty.
    pub notes: String,
    /// approved: the proposed file; modified: the edited one; rejected: `None`.
    pub final_file: Option<String>,
}

impl TryFrom<Map<String, Value>> for Response {
    type Error = FieldError;

    fn try_from(mut object: Map<String, Value>) -> Result<Self, FieldError> {
        Ok(Response {
            proposal_id: field::text(&mut object, "proposal_id")?,
            status: Status::from_name(&field::text(&mut object, "status")?)?,
            notes: field::text(&mut object, "notes")?,
            final_file: field::optional_text(&mut object, "final_file")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn final_file_may_be_absent_or_null() {
        for final_file in [None, Some(json!(null)), Some(json!("x"))] {
            let mut object = json!({"proposal_id": "p", "status": "approved", "notes": ""});
            let expected = final_file.as_ref().and_then(Value::as_str).map(str::to_owned);
            if let Some(value) = final_file {
                object["final_file"] = value;
            }
            assert_eq!(
                serde_json::from_value::<Response>(object).unwrap().final_file,
                expected
            );
        }
    }

    #[test]
    fn reading_names_the_field_that_is_wrong() {
        let cases = [
            (json!({"status": "approved", "notes": ""}), "proposal_id"),
            (json!({"proposal_id": "p", "notes": ""}), "status"),
            (
                json!({"proposal_id": "p", "status": "pending", "notes": ""}),
                "status",
            ),
            (json!({"proposal_id": "p", "status": "approved"}), "notes"),
            (
                json!({"proposal_id": "p", "status": "approved", "notes": "", "final_file": 1}),
                "final_file",
            ),
        ];
        for (object, field) in cases {
            let error = serde_json::from_value::<Response>(object)
                .unwrap_err()
                .to_string();
            assert!(error.contains(&format!("'{field}'")), "{error}");
        }
    }
}
