//! The list of scenarios. A new one is a line here.

mod audit;
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
    whom: Whom,
}

/// Who can be asked to do it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    Everybody,
    /// Others lose calls at a fiftieth of this.
    Ours,
    /// It needs a program or a library of the operator's.
    OursAndOriginal,
}

/// What lies between server and operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Queue {
    Sqlite,
    Files,
    Postgres,
}

impl Scenario {
    /// Whether it is measured on that kind of queue: it says so in its name.
    pub(super) fn is_on(&self, queue: Queue) -> bool {
        let own = match self.name {
            name if name.contains("-files") => Queue::Files,
            name if name.contains("-fleet") => Queue::Postgres,
            _ => Queue::Sqlite,
        };
        queue == own
    }

    pub(super) fn suits(&self, subject: &Subject) -> bool {
        match self.whom {
            Whom::Everybody => true,
            Whom::Ours => subject.is_ours(),
            Whom::OursAndOriginal => !matches!(subject, Subject::Other { .. }),
        }
    }
}

type Measure = Result<Vec<Reading>, Failed>;

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
    ($($name:literal, $whom:ident => $run:expr,)*) => {
        pub(super) const ALL: &[Scenario] = &[$(Scenario { name: $name, run: $run, whom: Whom::$whom }),*];
    };
}

scenarios! {
    "latency-store", Everybody => latency::through_store,
    "latency-sql", Everybody => latency::by_plain_sql,
    "latency-files", Ours => latency::through_files,
    "latency-files-poll", Ours => latency::through_files_by_poll,
    "latency-fleet", Ours => latency::through_fleet,
    "held-200", Everybody => held::few,
    "held-10000", Ours => held::many,
    "held-10000-sse", Ours => held::many_with_progress,
    "proposals-1", Everybody => load::proposals_1,
    "proposals-64", Everybody => load::proposals_64,
    "proposals-256", Everybody => load::proposals_256,
    "tools-list", Everybody => load::tools_list,
    "start", Everybody => start::start,
    "list-50", OursAndOriginal => list::list,
    "page", OursAndOriginal => page::page,
    "audit-verify", Ours => audit::verify,
    "diff", OursAndOriginal => diff::common,
    "diff-worst", OursAndOriginal => diff::worst,
}

pub(super) fn names() -> Vec<&'static str> {
    ALL.iter().map(|scenario| scenario.name).collect()
}
