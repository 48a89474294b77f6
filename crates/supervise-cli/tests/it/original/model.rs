//! What a queue is, said plainly: rows that are answered at most once and archived for good.

use std::collections::BTreeMap;

use supervise_core::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Row {
    pub(super) archived: bool,
    pub(super) answer: Option<Status>,
}

/// The rows by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Model(pub(super) BTreeMap<String, Row>);

/// What either program may do with one proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Propose,
    /// The original writes a response; ours decides in its six steps.
    Answer(Status),
    /// The original archives; ours withdraws what is pending and delivers what is answered.
    Finish,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    Done,
    Refused,
    /// Ours names the decision that was there before.
    Already(Status),
    Gone,
}

impl Model {
    pub(super) fn original(&mut self, id: &str, operation: Operation) -> Went {
        let row = self.0.get(id).copied();
        match (operation, row) {
            (Operation::Propose, None) => self.put(id, Row::default()),
            (
                Operation::Answer(status),
                Some(Row {
                    archived: false,
                    answer: None,
                }),
            ) => self.put(
                id,
                Row {
                    archived: false,
                    answer: Some(status),
                },
            ),
            (Operation::Finish, Some(row)) => self.put(
                id,
                Row {
                    archived: true,
                    ..row
                },
            ),
            _ => Went::Refused,
        }
    }

    pub(super) fn ours(&mut self, id: &str, operation: Operation) -> Went {
        let row = self.0.get(id).copied();
        match (operation, row) {
            (Operation::Propose, None) => self.put(id, Row::default()),
            (
                Operation::Answer(_),
                Some(Row {
                    answer: Some(first), ..
                }),
            ) => Went::Already(first),
            (Operation::Answer(_), Some(Row { archived: true, .. })) => Went::Gone,
            (Operation::Answer(status), Some(row)) => self.put(
                id,
                Row {
                    answer: Some(status),
                    ..row
                },
            ),
            (Operation::Finish, Some(row)) => self.put(
                id,
                Row {
                    archived: true,
                    ..row
                },
            ),
            _ => Went::Refused,
        }
    }

    fn put(&mut self, id: &str, row: Row) -> Went {
        self.0.insert(id.to_owned(), row);
        Went::Done
    }

    pub(super) fn pending(&self) -> Vec<&String> {
        let pending = |row: &Row| !row.archived && row.answer.is_none();
        self.0
            .iter()
            .filter(|(_, row)| pending(row))
            .map(|(id, _)| id)
            .collect()
    }
}
