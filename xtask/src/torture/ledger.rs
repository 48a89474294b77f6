//! What the programs have promised so far, and what broke a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One broken promise, for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding(String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Filled from every thread.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Book>);

#[derive(Default)]
pub(super) struct Book {
    /// Host by id: an agent was told the id, or the operator saw it.
    pub(super) acknowledged: BTreeMap<String, String>,
    /// Status by id, as agents were told.
    pub(super) told: BTreeMap<String, String>,
    /// Status by id, as the operator's program said before it ended well.
    pub(super) decided: BTreeMap<String, String>,
    findings: BTreeSet<Finding>,
}

impl Ledger {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, what: String) {
        self.book().findings.insert(Finding(what));
    }

    /// An agent read this answer about a proposal.
    pub(super) fn answered(&self, id: &str, host: &str, status: &str) {
        let mut book = self.book();
        book.acknowledged
            .entry(id.to_owned())
            .or_insert_with(|| host.to_owned());
        match status {
            "approved" | "modified" | "rejected" => book.settle(id, status, Side::Agent),
            "pending" => {}
            other => {
                let finding = Finding(format!("{id} ({host}) was acknowledged, and answered '{other}'"));
                book.findings.insert(finding);
            }
        }
    }

    /// The operator's program said that it decided.
    pub(super) fn decided(&self, id: &str, status: &str) {
        self.book().settle(id, status, Side::Operator);
    }

    pub(super) fn seen(&self, id: &str, host: &str) {
        let mut book = self.book();
        book.acknowledged
            .entry(id.to_owned())
            .or_insert_with(|| host.to_owned());
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        self.book().findings.iter().cloned().collect()
    }
}

#[derive(Clone, Copy)]
enum Side {
    Agent,
    Operator,
}

impl Book {
    /// A decision is one for ever, and the same for everybody.
    fn settle(&mut self, id: &str, status: &str, side: Side) {
        let known = self.told.get(id).or_else(|| self.decided.get(id));
        if let Some(known) = known.filter(|known| *known != status) {
            let finding = Finding(format!("{id} was {known}, and is {status} now"));
            self.findings.insert(finding);
        }
        let book = match side {
            Side::Agent => &mut self.told,
            Side::Operator => &mut self.decided,
        };
        book.insert(id.to_owned(), status.to_owned());
    }
}
