//! Reading a call's arguments so that every error names the argument.

use serde_json::{Map, Value, json};

use crate::catalogue::{ArgumentError, MAX_JUSTIFICATION_CHARS};

/// The arguments of one call, under the tool's name for errors.
pub(super) struct Arguments<'a> {
    pub(super) tool: &'static str,
    object: &'a Map<String, Value>,
}

impl<'a> Arguments<'a> {
    /// Refuses any argument outside `known`.
    pub(super) fn new(
        tool: &'static str,
        object: &'a Map<String, Value>,
        known: &[&str],
    ) -> Result<Self, ArgumentError> {
        let arguments = Arguments { tool, object };
        match object.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) if known.is_empty() => {
                Err(arguments.error(format!("takes no arguments; remove '{name}'")))
            }
            Some(name) => Err(arguments.error(format!(
                "unknown argument '{name}'; it takes {}",
                known.join(", ")
            ))),
            None => Ok(arguments),
        }
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> ArgumentError {
        ArgumentError {
            tool: self.tool,
            problem: problem.into(),
        }
    }

    /// The argument, with null counted as absent.
    pub(super) fn optional(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&'a str>, ArgumentError> {
        match self.optional(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(format!("'{name}' must be a string"))),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, ArgumentError> {
        self.optional_text(name)?
            .ok_or_else(|| self.error(format!("'{name}' is required and must be a string")))
    }

    pub(super) fn unblank_text(&self, name: &str) -> Result<&'a str, ArgumentError> {
        let text = self.text(name)?;
        if text.trim().is_empty() {
            Err(self.error(format!("'{name}' is blank")))
        } else {
            Ok(text)
        }
    }

    pub(super) fn justification(&self) -> Result<String, ArgumentError> {
        let text = self.unblank_text("justification")?;
        if text.chars().count() > MAX_JUSTIFICATION_CHARS {
            let limit = MAX_JUSTIFICATION_CHARS;
            return Err(self.error(format!(
                "'justification' is longer than {limit} characters: say it in fewer"
            )));
        }
        Ok(text.to_owned())
    }
}

/// The schema's part for `justification`, shared by every tool that proposes.
pub(super) fn justification_schema() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_JUSTIFICATION_CHARS,
        "description": "Why the task needs this, in words the operator can judge: what failed and what you will do with it.",
    })
}

/// A closed object schema of draft 2020-12.
pub(super) fn object_schema(properties: Value, required: &[&str]) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}
