//! An audit entry: one decision or edit, as it is kept for ever.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::field::{self, FieldError};

/// `operator_action` of an edit that no proposal asked for.
pub const ACTION_OPERATOR_EDIT: &str = "operator-edit";
/// `operator_action` of a decision whose effect failed and was rolled back.
pub const ACTION_APPLY_FAILED: &str = "apply-failed";

/// One line of the audit log. As JSON it is an object with these field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct AuditEntry {
    /// When, as [`format_timestamp`](crate::format_timestamp) spells it.
    pub timestamp: String,
    /// The bottle that was decided on.
    pub bottle_slug: String,
    /// What was changed: a [`Component`](crate::Component)'s name.
    pub component: String,
    /// `approved`, `modified`, `rejected`, `operator-edit` or `apply-failed`.
    pub operator_action: String,
    /// The operator's words.
    pub operator_notes: String,
    /// The agent's words.
    pub justification: String,
    /// Current to final, as [`render_diff`](crate::render_diff) gives it.
    pub diff: String,
}

impl TryFrom<Map<String, Value>> for AuditEntry {
    type Error = FieldError;

    fn try_from(mut object: Map<String, Value>) -> Result<Self, FieldError> {
        Ok(AuditEntry {
            timestamp: field::text(&mut object, "timestamp")?,
            bottle_slug: field::text(&mut object, "bottle_slug")?,
            component: field::text(&mut object, "component")?,
            operator_action: field::text(&mut object, "operator_action")?,
            operator_notes: field::text(&mut object, "operator_notes")?,
            justification: field::text(&mut object, "justification")?,
            diff: field::text(&mut object, "diff")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reading_names_the_field_that_is_wrong() {
        let good = json!({
            "timestamp": "t", "bottle_slug": "dev", "component": "egress", "operator_action": "approved",
            "operator_notes": "", "justification": "j", "diff": "",
        });
        assert!(serde_json::from_value::<AuditEntry>(good.clone()).is_ok());
        for field in good.as_object().unwrap().keys() {
            let mut object = good.clone();
            object[field] = json!(7);
            let error = serde_json::from_value::<AuditEntry>(object)
                .unwrap_err()
                .to_string();
            assert!(error.contains(&format!("'{field}'")), "{error}");
        }
    }
}
