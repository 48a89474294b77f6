//! The list of scenarios. A new one is a line here.

mod diff;
mod held;
mod latency;
mod list;
mod load;
mod page;
mod start;

use super::reading::Reading;
use super::subject::Subject;
use crate::command::Failed;

/// One thing that is measured.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) run: fn(&Subject, Size) -> Measure,
}

/// `None`: there is nothing of the kind to measure in this subject.
type Measure = Result<Option<Vec<Reading>>, Failed>;

/// How much work is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Full,
    Quick,
}

impl Size {
    fn of(self, full: usize) -> usize {
        match self {
            Size::Full => full,
            Size::Quick => full.div_ceil(10),
        }
    }
}

macro_rules! scenarios {
    ($($name:literal => $run:expr,)*) => {
        pub(super) const ALL: &[Scenario] = &[$(Scenario { name: $name, run: $run }),*];
    };
}

scenarios! {
    "latency-store" => latency::through_store,
    "latency-sql" => latency::by_plain_sql,
    "held-200" => held::few,
    "held-10000" => held::many,
    "held-10000-sse" => held::many_with_progress,
    "proposals-1" => load::proposals_1,
    "proposals-64" => load::proposals_64,
    "proposals-256" => load::proposals_256,
    "tools-list" => load::tools_list,
    "start" => start::start,
    "list-50" => list::list,
    "page" => page::page,
    "diff" => diff::common,
    "diff-worst" => diff::worst,
}

pub(super) fn names() -> Vec<&'static str> {
    ALL.iter().map(|scenario| scenario.name).collect()
}
