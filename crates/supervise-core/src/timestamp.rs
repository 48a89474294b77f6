//! One spelling of time: UTC, six digits, `+00:00`, so that text order is time order.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");

/// `at` as `2026-11-20T23:23:57.110789+00:00`, in UTC and always with six digits. Empty for the hours at either
/// end of the calendar that are in another year in UTC, where there is none.
///
/// ```
/// use time::macros::datetime;
/// let at = datetime!(2026-11-20 23:23:57 UTC);
/// assert_eq!(supervise_core::format_timestamp(at), "2026-11-20T23:23:57.000000+00:00");
/// ```
pub fn format_timestamp(at: OffsetDateTime) -> String {
    // Formatting into a String can't fail for a fixed UTC format; an empty text would only mean "unknown".
    let utc = at.checked_to_offset(UtcOffset::UTC);
    utc.and_then(|at| at.format(FORMAT).ok()).unwrap_or_default()
}

/// The present time in the same form.
pub fn now_timestamp() -> String {
    format_timestamp(OffsetDateTime::now_utc())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_ends_of_the_calendar_are_no_trouble() {
        let last = datetime!(9999-12-31 23:59:59 UTC);
        assert_eq!(format_timestamp(last), "9999-12-31T23:59:59.000000+00:00");
        assert_eq!(format_timestamp(datetime!(9999-12-31 23:59:59 -1:00)), "");
        assert_eq!(format_timestamp(datetime!(-9999-01-01 0:00 +1:00)), "");
    }
}
