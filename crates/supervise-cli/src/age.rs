//! How long ago a proposal arrived, in a person's words.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Whole seconds since `timestamp`; `None` when it is no time. A clock slightly ahead counts as now.
pub(crate) fn seconds_since(timestamp: &str, now: OffsetDateTime) -> Option<u64> {
    let at = OffsetDateTime::parse(timestamp, &Rfc3339).ok()?;
    Some((now - at).whole_seconds().max(0).unsigned_abs())
}

/// The number and the unit, in the largest unit of which there is at least one.
pub(crate) fn in_units(seconds: u64) -> (u64, &'static str) {
    match seconds {
        0..60 => (seconds, "s"),
        60..3_600 => (seconds / 60, "m"),
        3_600..86_400 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn ages_are_read_in_either_spelling() {
        let now = datetime!(2026-11-20 23:30:00 UTC);
        assert_eq!(seconds_since("2026-11-20T23:29:00.500000+00:00", now), Some(59));
        assert_eq!(seconds_since("2026-11-20T23:29:00+00:00", now), Some(60));
        assert_eq!(seconds_since("2026-11-20T23:31:00+00:00", now), Some(0));
        assert_eq!(seconds_since("yesterday", now), None);
        assert_eq!(in_units(59), (59, "s"));
        assert_eq!(in_units(7_200), (2, "h"));
        assert_eq!(in_units(200_000), (2, "d"));
    }
}
