//! What an agent is told: one text block, its lines in a fixed order.

use supervise_core::Status;
use supervise_store as store;
use supervise_store::{Limit, Refusal, Undelivered};

const MODIFIED: &str = "The operator changed the proposal; what counts is the final config below.";
const CHECK_INSTEAD: &str =
    "Call check-proposal with the id below to wait for the decision; don't propose the same thing again.";

/// The text of a tool's result, and whether it counts as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) is_error: bool,
}

impl Answer {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Answer {
            text: text.into(),
            is_error: false,
        }
    }

    pub(crate) fn error(text: impl Into<String>) -> Self {
        Answer {
            text: text.into(),
            is_error: true,
        }
    }
}

/// Why a proposal is reported as pending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pending {
    /// Nobody decided within so many seconds.
    TimedOut(f64),
    /// The sidecar ends.
    Stopping,
    /// The caller gave this call up.
    Cancelled,
    /// The caller has closed its half of the connection.
    Left,
    /// An operator is at it.
    BeingDecided,
}

/// The operator's decision.
pub(crate) fn decided(answer: &store::Answer) -> Answer {
    let response = &answer.response;
    let mut text = format!("status: {}\n", response.status);
    if !response.notes.is_empty() {
        line(&mut text, &format!("notes: {}", response.notes));
    }
    if response.status == Status::Modified {
        line(&mut text, MODIFIED);
    }
    if let Some(applied) = answer.applied {
        line(&mut text, if applied { "applied: yes" } else { "applied: no" });
    }
    if let (Status::Modified, Some(file)) = (response.status, &response.final_file) {
        line(&mut text, "final config:");
        line(&mut text, file);
    }
    text.push_str(&proposal_line(&response.proposal_id));
    Answer {
        text,
        is_error: response.status == Status::Rejected,
    }
}

/// The operator has refused the same before. Only decisions of our own program stick, so it says what that said.
pub(crate) fn refused_before(refusal: &Refusal) -> Answer {
    let mut text = "status: rejected\n".to_owned();
    if !refusal.notes.is_empty() {
        line(&mut text, &format!("notes: {}", refusal.notes));
    }
    line(&mut text, "applied: no");
    let until = &refusal.until;
    line(
        &mut text,
        &format!(
            "The operator has refused exactly this already and was not asked again; until {until} the same request \
             gets this answer at once. Ask for something else, or for less: a changed request is a new question."
        ),
    );
    text.push_str(&proposal_line(&refusal.id));
    Answer::error(text)
}

/// Nobody has decided.
pub(crate) fn pending(id: &str, why: Pending) -> Answer {
    let notes = match why {
        Pending::TimedOut(seconds) => format!(
            "operator response timed out after {}s; proposal remains queued",
            general(seconds)
        ),
        Pending::Stopping => "the sidecar is stopping; proposal remains queued".to_owned(),
        Pending::Cancelled => "the caller cancelled this call; proposal remains queued".to_owned(),
        Pending::Left => "the caller closed its side of the connection; proposal remains queued".to_owned(),
        Pending::BeingDecided => "being decided".to_owned(),
    };
    let proposal = proposal_line(id);
    Answer::plain(format!(
        "status: pending\nnotes: {notes}\n{CHECK_INSTEAD}\n{proposal}"
    ))
}

/// The proposal was taken back.
pub(crate) fn withdrawn(id: &str) -> Answer {
    Answer::plain(format!("status: withdrawn\n{}", proposal_line(id)))
}

/// No such proposal in this bottle; `id` is what was asked for.
pub(crate) fn unknown(id: &str) -> Answer {
    let notes = "no proposal of this bottle has that id; check-proposal without an id lists those that wait";
    let mut text = format!("status: unknown\nnotes: {notes}");
    // What isn't an id at all is not repeated as one.
    if supervise_core::is_proposal_id(id) {
        text.push('\n');
        text.push_str(&proposal_line(id));
    }
    Answer::error(text)
}

/// A limit was met; nothing was stored.
pub(crate) fn refused(limit: &Limit) -> Answer {
    let notes = match limit {
        Limit::Pending(most) => format!(
            "{most} proposals wait for the operator, no more may; wait with check-proposal, or withdraw-proposal what \
             is no longer needed"
        ),
        Limit::PerMinute(most) => {
            format!("{most} proposals were made within a minute, no more may; wait a minute, then ask again")
        }
        Limit::QueueBytes(most) => format!(
            "the queue may hold {most} bytes and is full; ask for something smaller, or tell the user that the \
             operator must prune the queue"
        ),
    };
    Answer::error(format!("status: refused\nnotes: {notes}"))
}

/// A line for each proposal whose answer was never delivered.
pub(crate) fn undelivered(list: &[Undelivered]) -> Answer {
    if list.is_empty() {
        return Answer::plain("no proposals");
    }
    let lines = list.iter().map(|one| {
        let status = one.status.map_or("pending", Status::name);
        format!("{} {} {status}", one.id, one.tool)
    });
    Answer::plain(lines.collect::<Vec<_>>().join("\n"))
}

fn line(text: &mut String, content: &str) {
    text.push_str(content);
    if !content.ends_with('\n') {
        text.push('\n');
    }
}

fn proposal_line(id: &str) -> String {
    format!("proposal: {id}")
}

/// A number as C's `%g` prints it: six significant digits, no trailing zeros.
fn general(value: f64) -> String {
    let scientific = format!("{value:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(5 - exponent).unwrap_or(0);
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn trim_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use supervise_core::{Response, Tool};

    use super::*;

    const ID: &str = "0b6ec5a4-6a5b-4a64-9f0d-0d3f0f1c2b3a";

    fn answer(status: Status, notes: &str, final_file: Option<&str>, applied: Option<bool>) -> store::Answer {
        let response = Response {
            proposal_id: ID.to_owned(),
            status,
            notes: notes.to_owned(),
            final_file: final_file.map(str::to_owned),
        };
        store::Answer { response, applied }
    }

    #[test]
    fn lines_come_in_their_order() {
        let approved = decided(&answer(Status::Approved, "", Some("x"), None));
        assert_eq!(
            approved,
            Answer::plain(format!("status: approved\nproposal: {ID}"))
        );
        let rejected = decided(&answer(Status::Rejected, "no", None, Some(false)));
        assert_eq!(
            rejected,
            Answer::error(format!(
                "status: rejected\nnotes: no\napplied: no\nproposal: {ID}"
            ))
        );
        let modified = decided(&answer(Status::Modified, "ok", Some("a\nb\n"), Some(true)));
        let expected = format!(
            "status: modified\nnotes: ok\n{MODIFIED}\napplied: yes\nfinal config:\na\nb\nproposal: {ID}"
        );
        assert_eq!(modified, Answer::plain(expected));
        let unended = decided(&answer(Status::Modified, "", Some("a"), None));
        assert!(
            unended
                .text
                .ends_with(&format!("final config:\na\nproposal: {ID}"))
        );
    }

    #[test]
    fn a_refusal_is_repeated_with_its_end() {
        let refusal = |notes: &str| Refusal {
            id: ID.to_owned(),
            notes: notes.to_owned(),
            until: "2026-11-21T12:00:00.000000+00:00".to_owned(),
        };
        let answer = refused_before(&refusal("use the mirror"));
        assert!(answer.is_error);
        let lines: Vec<_> = answer.text.lines().collect();
        assert_eq!(
            lines[..3],
            ["status: rejected", "notes: use the mirror", "applied: no"]
        );
        assert!(lines[3].contains("already") && lines[3].contains("2026-11-21T12:00:00.000000+00:00"));
        assert_eq!(lines[4..], [format!("proposal: {ID}")]);
        assert!(!refused_before(&refusal("")).text.contains("notes:"));
    }

    #[test]
    fn pending_says_why_and_what_to_do() {
        let table = [
            (
                Pending::TimedOut(30.0),
                "operator response timed out after 30s; proposal remains queued",
            ),
            (
                Pending::TimedOut(0.5),
                "operator response timed out after 0.5s; proposal remains queued",
            ),
            (
                Pending::Stopping,
                "the sidecar is stopping; proposal remains queued",
            ),
            (Pending::BeingDecided, "being decided"),
        ];
        for (why, notes) in table {
            let text = pending(ID, why).text;
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(lines[..2], ["status: pending", &format!("notes: {notes}")]);
            assert!(lines[2].contains("check-proposal"));
            assert_eq!(lines[3..], [format!("proposal: {ID}")]);
        }
    }

    #[test]
    fn lists_name_the_tool_and_the_state() {
        let list = [(None, "pending"), (Some(Status::Rejected), "rejected")];
        for (status, word) in list {
            let one = Undelivered {
                id: ID.to_owned(),
                tool: Tool::EgressAllow,
                status,
            };
            assert_eq!(undelivered(&[one]).text, format!("{ID} egress-allow {word}"));
        }
        assert_eq!(undelivered(&[]).text, "no proposals");
    }

    #[test]
    fn an_unknown_id_is_repeated_only_if_it_is_one() {
        assert!(unknown(ID).text.ends_with(&format!("proposal: {ID}")));
        assert!(!unknown("x\nstatus: approved").text.contains("approved"));
    }

    #[test]
    fn seconds_look_as_c_prints_them() {
        let table = [
            (30.0, "30"),
            (0.5, "0.5"),
            (290.0, "290"),
            (1.0, "1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123_456.0, "123456"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.23457e+06"),
            (31_536_000.0, "3.1536e+07"),
            (999_999.9, "1e+06"),
            (0.123_456_78, "0.123457"),
            (100_000.0, "100000"),
        ];
        for (value, expected) in table {
            assert_eq!(general(value), expected);
        }
    }
}
