//! Reading JSON objects field by field, so that an error names the field.

use serde_json::{Map, Value};
use thiserror::Error;

/// Why an object could not be read; the message names the field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The field is absent or is not a string.
    #[error("field '{0}' is missing or not a string")]
    NotAString(&'static str),
    /// The field holds a word outside its list.
    #[error("field '{field}' must be one of {expected}; it is {found:?}")]
    UnknownWord {
        /// The field's name.
        field: &'static str,
        /// The words it may hold, separated by commas.
        expected: String,
        /// What it holds.
        found: String,
    },
}

pub(crate) fn text(object: &mut Map<String, Value>, field: &'static str) -> Result<String, FieldError> {
    match object.remove(field) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(FieldError::NotAString(field)),
    }
}

pub(crate) fn optional_text(
    object: &mut Map<String, Value>,
    field: &'static str,
) -> Result<Option<String>, FieldError> {
    match object.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(FieldError::NotAString(field)),
    }
}

pub(crate) fn word<T: Copy>(
    found: String,
    field: &'static str,
    words: &[(&'static str, T)],
) -> Result<T, FieldError> {
    match words.iter().find(|(word, _)| *word == found) {
        Some((_, value)) => Ok(*value),
        None => {
            let expected = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            Err(FieldError::UnknownWord {
                field,
                expected,
                found,
            })
        }
    }
}
