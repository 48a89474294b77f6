//! What a proposal's and a response's file hold: one JSON object each, read as carefully as a row.
//!
//! A response has the columns of its row (`proposal_id`, `status`, `notes`, `final_file`) and `applied` (`true`,
//! `false` or `null`), `refused_at` and `refused_until` (both `null` where nothing sticks).

use serde_json::{Value, json};
use supervise_core::{Proposal, Response, Slug, is_proposal_id};
use uuid::Uuid;

use crate::hold::Answer;
use crate::line::Given;
use crate::row::MAX_TEXT_BYTES;

/// Why a file is none of ours. Holds raw text of it.
pub(super) type Oddity = String;

const MAX_WORD_BYTES: usize = 512;

pub(super) fn write_proposal(proposal: &Proposal) -> Vec<u8> {
    // A struct of texts always has a JSON form.
    serde_json::to_vec(proposal).unwrap_or_default()
}

pub(super) fn read_proposal(bytes: &[u8], id: Uuid, slug: &Slug) -> Result<Proposal, Oddity> {
    let proposal: Proposal = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if !is_proposal_id(&proposal.id) || proposal.id != id.to_string() {
        return Err("it holds another id than its name".to_owned());
    }
    if proposal.bottle_slug != slug.as_str() {
        let named: String = proposal.bottle_slug.chars().take(80).collect();
        return Err(format!("it names the bottle '{named}'"));
    }
    let texts = [&proposal.proposed_file, &proposal.justification];
    let words = [&proposal.arrival_timestamp, &proposal.current_file_hash];
    if texts.iter().any(|text| text.len() > MAX_TEXT_BYTES)
        || words.iter().any(|word| word.len() > MAX_WORD_BYTES)
    {
        return Err("one of its texts is too long".to_owned());
    }
    Ok(proposal)
}

pub(super) fn write_answer(given: &Given) -> Vec<u8> {
    let response = &given.answer.response;
    let (refused_at, refused_until) = given.refused.clone().unzip();
    json!({
        "proposal_id": response.proposal_id,
        "status": response.status.name(),
        "notes": response.notes,
        "final_file": response.final_file,
        "applied": given.answer.applied,
        "refused_at": refused_at,
        "refused_until": refused_until,
    })
    .to_string()
    .into_bytes()
}

pub(super) fn read_answer(bytes: &[u8], id: Uuid) -> Result<Given, Oddity> {
    let object: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let response: Response = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    if response.proposal_id != id.to_string() {
        return Err("it answers another proposal than its name says".to_owned());
    }
    let texts = [Some(&response.notes), response.final_file.as_ref()];
    if texts.iter().flatten().any(|text| text.len() > MAX_TEXT_BYTES) {
        return Err("one of its texts is too long".to_owned());
    }
    let word = |name: &str| object[name].as_str().map(str::to_owned);
    Ok(Given {
        answer: Answer {
            applied: object["applied"].as_bool(),
            response,
        },
        refused: word("refused_at").zip(word("refused_until")),
    })
}

#[cfg(test)]
mod tests {
    use supervise_core::{Status, Tool};

    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let slug: Slug = "dev".parse().unwrap();
        let proposal = Proposal::new(&slug, Tool::EgressAllow, "\u{0}\u{1b}[2J\n", "\u{202e}why\n");
        let id = parse(&proposal.id);
        assert_eq!(read_proposal(&write_proposal(&proposal), id, &slug), Ok(proposal));
        for (applied, refused) in [
            (None, None),
            (Some(true), None),
            (Some(false), Some(("a".to_owned(), "b".to_owned()))),
        ] {
            let response = Response {
                proposal_id: id.to_string(),
                status: Status::Rejected,
                notes: "no\n".to_owned(),
                final_file: None,
            };
            let given = Given {
                answer: Answer { response, applied },
                refused,
            };
            assert_eq!(read_answer(&write_answer(&given), id), Ok(given));
        }
    }

    #[test]
    fn what_is_not_ours_is_told_apart() {
        let slug: Slug = "dev".parse().unwrap();
        let proposal = Proposal::new(&slug, Tool::EgressAllow, "x", "why");
        let (id, text) = (parse(&proposal.id), write_proposal(&proposal));
        assert!(
            read_proposal(&text, Uuid::nil(), &slug)
                .unwrap_err()
                .contains("another id")
        );
        assert!(
            read_proposal(&text, id, &"web".parse().unwrap())
                .unwrap_err()
                .contains("bottle 'dev'")
        );
        assert!(read_proposal(&text[..text.len() - 1], id, &slug).is_err());
        assert!(read_proposal(&[0xff], id, &slug).is_err());
        assert!(read_answer(b"{}", id).unwrap_err().contains("'proposal_id'"));
        let huge = Proposal::new(&slug, Tool::EgressAllow, "x".repeat(MAX_TEXT_BYTES + 1), "why");
        let id = parse(&huge.id);
        assert!(
            read_proposal(&write_proposal(&huge), id, &slug)
                .unwrap_err()
                .contains("too long")
        );
    }

    fn parse(id: &str) -> Uuid {
        Uuid::parse_str(id).unwrap()
    }
}
