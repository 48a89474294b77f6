//! The risk that a text holds a secret.

use super::subject::Subject;
use crate::secret::first_secret;

pub(super) fn secret_in_text(subject: &Subject<'_>) -> Option<String> {
    let texts = [
        ("the justification", &subject.proposal.justification),
        ("the payload", &subject.proposal.proposed_file),
    ];
    let places = texts.iter().filter_map(|(place, text)| {
        let kind = first_secret(text)?;
        Some(format!("{place} holds what looks like a {kind}"))
    });
    let places: Vec<String> = places.collect();
    (!places.is_empty()).then(|| {
        let places = places.join(", ");
        format!("{places}: whoever can read it has the secret")
    })
}
