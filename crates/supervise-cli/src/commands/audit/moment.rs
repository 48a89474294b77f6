//! A time as a person gives it: a date, a full time, or how long ago.

use std::str::FromStr;

use thiserror::Error;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, Time, UtcOffset};

/// A moment, which may have been given as how long ago it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(OffsetDateTime);

#[derive(Debug, Error)]
#[error("neither a time such as 2026-11-20T10:00:00Z or 2026-11-20 nor an age such as 90s, 30m, 2h or 7d")]
pub(super) struct MomentError;

impl Moment {
    /// As the log spells it.
    pub(super) fn timestamp(self) -> String {
        supervise_core::format_timestamp(self.0)
    }

    fn parse(text: &str, now: OffsetDateTime) -> Result<Moment, MomentError> {
        let text = text.trim();
        let date = || Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
        let midnight = || date().map(|date| date.with_time(Time::MIDNIGHT).assume_utc());
        let given = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(midnight);
        let moment = given.or_else(|| now.checked_sub(age(text)?)).ok_or(MomentError)?;
        let moment = moment.checked_to_offset(UtcOffset::UTC).ok_or(MomentError)?;
        Ok(Moment(moment))
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        Moment::parse(text, OffsetDateTime::now_utc())
    }
}

fn age(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => Duration::SECOND,
        'm' => Duration::MINUTE,
        'h' => Duration::HOUR,
        'd' => Duration::DAY,
        'w' => Duration::WEEK,
        _ => return None,
    };
    let number: u32 = text[..text.len() - 1].parse().ok()?;
    unit.checked_mul(number.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_dates_and_ages_are_understood() {
        let now = datetime!(2026-11-20 12:00:00.5 UTC);
        let parsed = |text: &str| Moment::parse(text, now).ok().map(Moment::timestamp);
        for (text, expected) in [
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000000+00:00"),
            ("2026-11-20T10:00:00.25+02:00", "2026-11-20T08:00:00.250000+00:00"),
            (" 2026-11-20 ", "2026-11-20T00:00:00.000000+00:00"),
            ("90s", "2026-11-20T11:58:30.500000+00:00"),
            ("30m", "2026-11-20T11:30:00.500000+00:00"),
            ("2h", "2026-11-20T10:00:00.500000+00:00"),
            ("7d", "2026-11-13T12:00:00.500000+00:00"),
            ("1w", "2026-11-13T12:00:00.500000+00:00"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "h",
            "2",
            "-2h",
            "2y",
            "yesterday",
            "2026-13-01",
            "2é",
            "9999-12-31T23:59:59-01:00",
            "4000000000w",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
