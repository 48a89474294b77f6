//! Which of the cases that matter came up: a run that never got to one has shown nothing about it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Case {
    Answered,
    LateAnswer,
    Joined,
    RefusedBefore,
    Cancelled,
    TimedOut,
    WithdrawnTooLate,
    ForeignRefused,
    ClaimedByAnother,
    LostToAWinner,
    /// Somebody else took the claim away and was quicker.
    AnswerRefused,
    CrashFinished,
    CrashUndone,
    EffectFinished,
    EffectFailed,
    Lifted,
    Pruned,
}

impl Case {
    const ALL: [Case; 17] = [
        Case::Answered,
        Case::LateAnswer,
        Case::Joined,
        Case::RefusedBefore,
        Case::Cancelled,
        Case::TimedOut,
        Case::WithdrawnTooLate,
        Case::ForeignRefused,
        Case::ClaimedByAnother,
        Case::LostToAWinner,
        Case::AnswerRefused,
        Case::CrashFinished,
        Case::CrashUndone,
        Case::EffectFinished,
        Case::EffectFailed,
        Case::Lifted,
        Case::Pruned,
    ];
}

/// How often each came up, over all worlds.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Rc<RefCell<BTreeMap<Case, u64>>>);

impl Seen {
    pub(super) fn note(&self, case: Case) {
        *self.0.borrow_mut().entry(case).or_default() += 1;
    }

    pub(super) fn missing(&self) -> Vec<Case> {
        let seen = self.0.borrow();
        let all = Case::ALL.into_iter();
        all.filter(|case| !seen.contains_key(case)).collect()
    }
}
