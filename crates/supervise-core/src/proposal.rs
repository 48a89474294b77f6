//! A proposal: what is asked, by which tool, in which bottle, and why.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::digest::{Digest, FieldHasher, sha256_hex};
use crate::field::{self, FieldError};
use crate::ids::Slug;
use crate::timestamp::{format_timestamp, now_timestamp};
use crate::tool::Tool;

/// A request waiting for the operator. Every text in it is untrusted: show it through
/// [`SafeText`](crate::SafeText) only.
///
/// As JSON it is an object with these field names; reading names the field that is wrong.
///
/// ```
/// use supervise_core::Proposal;
/// let error = serde_json::from_str::<Proposal>(r#"{"tool": "sudo"}"#).unwrap_err();
/// assert!(error.to_string().starts_with("field 'id' is missing"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Proposal {
    /// UUIDv4 in lower case. Rows of other programs may hold anything.
    pub id: String,
    /// The bottle the proposal says it comes from; its directory's name is what counts.
    pub bottle_slug: String,
    /// The tool that was called.
    pub tool: Tool,
    /// The payload, byte for byte.
    pub proposed_file: String,
    /// Why the agent wants it, in its own words.
    pub justification: String,
    /// When it was stored, as [`format_timestamp`] spells it.
    pub arrival_timestamp: String,
    /// SHA-256 hex of `proposed_file`.
    pub current_file_hash: String,
}

impl Proposal {
    /// A proposal with a new id, arriving now.
    pub fn new(
        bottle_slug: &Slug,
        tool: Tool,
        proposed_file: impl Into<String>,
        justification: impl Into<String>,
    ) -> Self {
        let proposed_file = proposed_file.into();
        Proposal {
            id: Uuid::new_v4().to_string(),
            bottle_slug: bottle_slug.to_string(),
            tool,
            current_file_hash: sha256_hex(&proposed_file),
            proposed_file,
            justification: justification.into(),
            arrival_timestamp: now_timestamp(),
        }
    }

    /// The same proposal under a given id.
    #[must_use]
    pub fn with_id(mut self, id: Uuid) -> Self {
        self.id = id.to_string();
        self
    }

    /// The same proposal, arrived at a given time.
    #[must_use]
    pub fn with_arrival(mut self, at: OffsetDateTime) -> Self {
        self.arrival_timestamp = format_timestamp(at);
        self
    }

    /// The digest decisions are bound to: SHA-256 over `"supervise-proposal-v1\0"` and the framed fields
    /// id, slug, tool, proposed_file, justification, arrival_timestamp, current_file_hash.
    pub fn digest(&self) -> Digest {
        FieldHasher::new(b"supervise-proposal-v1\0")
            .field(&self.id)
            .field(&self.bottle_slug)
            .field(self.tool.name())
            .field(&self.proposed_file)
            .field(&self.justification)
            .field(&self.arrival_timestamp)
            .field(&self.current_file_hash)
            .finish()
    }
}

impl TryFrom<Map<String, Value>> for Proposal {
    type Error = FieldError;

    fn try_from(mut object: Map<String, Value>) -> Result<Self, FieldError> {
        Ok(Proposal {
            id: field::text(&mut object, "id")?,
            bottle_slug: field::text(&mut object, "bottle_slug")?,
            tool: Tool::from_name(&field::text(&mut object, "tool")?)?,
            proposed_file: field::text(&mut object, "proposed_file")?,
            justification: field::text(&mut object, "justification")?,
            arrival_timestamp: field::text(&mut object, "arrival_timestamp")?,
            current_file_hash: field::text(&mut object, "current_file_hash")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn sample() -> Proposal {
        Proposal::new(&"dev".parse().unwrap(), Tool::EgressAllow, "{}\n", "because")
            .with_id(Uuid::nil())
            .with_arrival(datetime!(2026-11-20 23:23:57.110789 UTC))
    }

    #[test]
    fn json_round_trips_under_the_column_names() {
        let value = serde_json::to_value(sample()).unwrap();
        assert_eq!(
            value,
            json!({
                "id": "00000000-0000-0000-0000-000000000000", "bottle_slug": "dev", "tool": "egress-allow",
                "proposed_file": "{}\n", "justification": "because",
                "arrival_timestamp": "2026-11-20T23:23:57.110789+00:00", "current_file_hash": sha256_hex("{}\n"),
            })
        );
        assert_eq!(serde_json::from_value::<Proposal>(value).unwrap(), sample());
    }

    #[test]
    fn reading_names_the_field_that_is_wrong() {
        let good = serde_json::to_value(sample()).unwrap();
        for field in good.as_object().unwrap().keys() {
            for wrong in [None, Some(json!(1)), Some(json!(null)), Some(json!(["x"]))] {
                let mut object = good.as_object().unwrap().clone();
                match wrong {
                    Some(value) => object.insert(field.clone(), value),
                    None => object.remove(field),
                };
                let error = serde_json::from_value::<Proposal>(object.into())
                    .unwrap_err()
                    .to_string();
                assert!(error.contains(&format!("'{field}'")), "{error}");
            }
        }
        let mut unknown = good;
        unknown["tool"] = json!("check-proposal");
        assert!(
            serde_json::from_value::<Proposal>(unknown)
                .unwrap_err()
                .to_string()
                .contains("'tool'")
        );
    }

    #[test]
    fn every_field_moves_the_digest() {
        let digest = sample().digest();
        let changes: [fn(&mut Proposal); 7] = [
            |p| p.id.push('x'),
            |p| p.bottle_slug.push('x'),
            |p| p.tool = Tool::EgressBlock,
            |p| p.proposed_file.push('x'),
            |p| p.justification.push('x'),
            |p| p.arrival_timestamp.push('x'),
            |p| p.current_file_hash.push('x'),
        ];
        for change in changes {
            let mut proposal = sample();
            change(&mut proposal);
            assert_ne!(proposal.digest(), digest);
        }
        // Computed once with Python's hashlib from the published framing.
        assert_eq!(
            digest.to_string(),
            "5bb183d4095df4d03a3bd9fe852bb649497a2fbfbd522aecfdfd150caf6775d8"
        );
    }
}
