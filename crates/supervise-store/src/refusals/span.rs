//! How long a refusal holds, and when it doesn't.

use supervise_core::format_timestamp;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// A clock that is set right steps back a little; what was refused a moment ago stays refused.
pub(super) const STEP_BACK: Duration = Duration::MINUTE;

/// How long a rejection sticks, in whole seconds; not at all by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Sticky(u32);

impl Sticky {
    /// The rejection is told to its callers, and the same may be asked again at once.
    pub const NONE: Sticky = Sticky(0);
    /// Thirty days.
    pub const MAX: Sticky = Sticky(30 * 24 * 60 * 60);

    /// So many seconds; `None` past [`Sticky::MAX`].
    pub const fn from_seconds(seconds: u64) -> Option<Sticky> {
        if seconds <= Sticky::MAX.0 as u64 {
            Some(Sticky(seconds as u32))
        } else {
            None
        }
    }

    /// So many seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    pub(super) fn duration(self) -> Duration {
        Duration::seconds(self.0.into())
    }
}

/// A moment of refusing, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: OffsetDateTime,
    pub(super) until: OffsetDateTime,
}

impl Span {
    pub(super) fn beginning(at: OffsetDateTime, sticky: Sticky) -> Span {
        Span {
            at,
            until: at.saturating_add(sticky.duration()),
        }
    }

    /// Only in the one spelling that we write.
    pub(super) fn read(at: &str, until: &str) -> Option<Span> {
        let time = |text: &str| {
            let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
            (format_timestamp(time) == text).then_some(time)
        };
        Some(Span {
            at: time(at)?,
            until: time(until)?,
        })
    }

    /// No longer than a rejection can stick, and never before it was made: a clock that was set back would
    /// otherwise prolong it by as much.
    pub(super) fn holds(self, now: OffsetDateTime) -> bool {
        let lasts = self.until - self.at;
        lasts.is_positive()
            && lasts <= Sticky::MAX.duration()
            && self.at.saturating_sub(STEP_BACK) <= now
            && now < self.until
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const AT: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

    fn ten_minutes() -> Span {
        Span::beginning(AT, Sticky::from_seconds(600).unwrap())
    }

    #[test]
    fn it_holds_until_its_time_and_no_longer() {
        let span = ten_minutes();
        for inside in [Duration::ZERO, Duration::minutes(9), Duration::seconds(599)] {
            assert!(span.holds(AT + inside), "{inside}");
        }
        for outside in [Duration::seconds(600), Duration::days(400)] {
            assert!(!span.holds(AT + outside), "{outside}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_nothing() {
        let span = ten_minutes();
        assert!(span.holds(AT - Duration::seconds(59)));
        assert!(!span.holds(AT - Duration::seconds(61)));
        assert!(!span.holds(AT - Duration::days(400)));
    }

    #[test]
    fn what_we_would_not_write_is_no_refusal() {
        let good = "2026-11-20T12:00:00.000000+00:00";
        let later = "2026-11-20T12:10:00.000000+00:00";
        assert_eq!(Span::read(good, later), Some(ten_minutes()));
        for odd in [
            "",
            "tomorrow",
            "2026-11-20T12:10:00+00:00",
            "2026-11-20T13:10:00.000000+01:00",
            "2026-11-20T12:10:00.000000Z",
            " 2026-11-20T12:10:00.000000+00:00",
            "9999-12-31T23:59:59.000000-01:00",
            "0000-01-01T00:00:00.000000+01:00",
        ] {
            assert_eq!(Span::read(good, odd), None, "{odd:?}");
            assert_eq!(Span::read(odd, later), None, "{odd:?}");
        }
        let long = Span {
            at: AT,
            until: AT + Duration::days(31),
        };
        assert!(!long.holds(AT));
        let backwards = Span { at: AT, until: AT };
        assert!(!backwards.holds(AT));
    }

    #[test]
    fn thirty_days_are_the_longest() {
        let month = u64::from(Sticky::MAX.seconds());
        assert_eq!(Sticky::from_seconds(month), Some(Sticky::MAX));
        assert_eq!(Sticky::from_seconds(month + 1), None);
        assert_eq!(Sticky::from_seconds(u64::MAX), None);
        assert_eq!(Sticky::from_seconds(0), Some(Sticky::NONE));
    }
}
