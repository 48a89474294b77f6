//! The rule of retention: what of an archive may go, as a function of the time.

use std::collections::HashSet;

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// One step holds the write lock for some milliseconds, which a held call's decision can wait.
const STEP_ROWS: usize = 100;
const STEP_BYTES: u64 = 4 << 20;

/// An archived proposal, as far as its retention goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    pub(super) row: i64,
    pub(super) id: String,
    pub(super) arrival_timestamp: String,
    pub(super) bytes: u64,
}

/// What a queue keeps of the past.
#[derive(Debug, Default)]
pub struct Archive {
    pub(super) archived: Vec<Archived>,
    /// Proposals whose refusal still holds: they can be reopened by their id.
    pub(super) refused: HashSet<String>,
}

/// How long archived proposals are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// What arrived longer ago than this may go.
    pub older_than: Duration,
}

/// What may be deleted of one queue.
#[derive(Debug, Default)]
pub struct PrunePlan {
    rows: Vec<Archived>,
}

impl Retention {
    /// What arrived before this moment may go.
    pub fn cutoff(&self, now: OffsetDateTime) -> OffsetDateTime {
        now.saturating_sub(self.older_than)
    }

    /// What may go at `now`. Stays: what is in `needed` by id, what still is refused, and whatever doesn't say when
    /// it arrived.
    pub fn plan(&self, archive: Archive, needed: &HashSet<String>, now: OffsetDateTime) -> PrunePlan {
        let cutoff = self.cutoff(now);
        let Archive { archived, refused } = archive;
        let is_old = |one: &Archived| {
            OffsetDateTime::parse(&one.arrival_timestamp, &Rfc3339).is_ok_and(|arrived| arrived < cutoff)
        };
        let is_free = |one: &Archived| !refused.contains(&one.id) && !needed.contains(&one.id);
        let mut rows: Vec<Archived> = archived
            .into_iter()
            .filter(|one| is_old(one) && is_free(one))
            .collect();
        rows.sort_by(|a, b| (&a.arrival_timestamp, &a.id).cmp(&(&b.arrival_timestamp, &b.id)));
        PrunePlan { rows }
    }
}

impl PrunePlan {
    /// How many proposals.
    pub fn proposals(&self) -> usize {
        self.rows.len()
    }

    /// How many bytes they hold.
    pub fn bytes(&self) -> u64 {
        self.rows.iter().map(|one| one.bytes).sum()
    }

    /// When the first and the last of them arrived, as they say.
    pub fn span(&self) -> Option<(&str, &str)> {
        let (first, last) = (self.rows.first()?, self.rows.last()?);
        Some((&first.arrival_timestamp, &last.arrival_timestamp))
    }

    /// What is deleted at a time.
    pub(super) fn steps(mut self) -> Vec<Vec<Archived>> {
        let mut steps = Vec::new();
        while !self.rows.is_empty() {
            let rest = self.rows.split_off(step_length(&self.rows));
            steps.push(std::mem::replace(&mut self.rows, rest));
        }
        steps
    }
}

/// One row at least, however large it is.
fn step_length(rows: &[Archived]) -> usize {
    let mut bytes = 0;
    let fits = |one: &&Archived| {
        bytes += one.bytes;
        bytes <= STEP_BYTES
    };
    rows.iter().take(STEP_ROWS).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);
    const NINETY_DAYS: Retention = Retention {
        older_than: Duration::days(90),
    };

    fn one(id: &str, arrival_timestamp: &str) -> Archived {
        Archived {
            row: 1,
            id: id.to_owned(),
            arrival_timestamp: arrival_timestamp.to_owned(),
            bytes: 1,
        }
    }

    fn planned(
        retention: Retention,
        archived: &[Archived],
        refused: &[&str],
        needed: &[&str],
    ) -> Vec<String> {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let archive = Archive {
            archived: archived.to_vec(),
            refused: set(refused),
        };
        let plan = retention.plan(archive, &set(needed), NOW);
        plan.rows.into_iter().map(|one| one.id).collect()
    }

    #[test]
    fn what_is_older_goes_and_oldest_first() {
        let archived = [
            one("young", "2026-11-20T11:00:00.000000+00:00"),
            one("just", "2026-08-22T11:59:59.999999+00:00"),
            one("not-yet", "2026-08-22T12:00:00.000000+00:00"),
            one("python", "2026-08-22T11:59:59+00:00"),
            one("elsewhere", "2026-08-22T12:59:59+01:00"),
            one("old", "2020-01-01T00:00:00.000000+00:00"),
            one("future", "2999-01-01T00:00:00.000000+00:00"),
        ];
        assert_eq!(
            planned(NINETY_DAYS, &archived, &[], &[]),
            ["old", "python", "just", "elsewhere"]
        );
    }

    #[test]
    fn what_says_no_time_or_is_needed_stays() {
        let old = "2020-01-01T00:00:00.000000+00:00";
        let archived = [
            one("a", old),
            one("b", old),
            one("c", old),
            one("d", "long ago"),
            one("e", ""),
        ];
        assert_eq!(planned(NINETY_DAYS, &archived, &["a"], &["b"]), ["c"]);
    }

    #[test]
    fn the_longest_and_the_shortest_retention_are_no_trouble() {
        let archived = [one("a", "2026-11-20T11:59:59.999999+00:00")];
        let of = |older_than| Retention { older_than };
        assert_eq!(planned(of(Duration::ZERO), &archived, &[], &[]), ["a"]);
        assert!(planned(of(Duration::MAX), &archived, &[], &[]).is_empty());
        assert!(of(Duration::MAX).cutoff(NOW) < NOW);
    }

    #[test]
    fn steps_are_small_and_leave_nothing_out() {
        let rows = |sizes: &[u64]| {
            let sized = |bytes: &u64| Archived {
                bytes: *bytes,
                ..one("x", "")
            };
            PrunePlan {
                rows: sizes.iter().map(sized).collect(),
            }
        };
        let lengths = |plan: PrunePlan| plan.steps().iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(rows(&[1; 250])), [100, 100, 50]);
        assert_eq!(
            lengths(rows(&[3 << 20, 1 << 20, 1, 9 << 20, 9 << 20, 1])),
            [2, 1, 1, 1, 1]
        );
        assert!(lengths(rows(&[])).is_empty());
    }
}
