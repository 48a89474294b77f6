//! One spelling of time: UTC, six digits, `+00:00`, so that text order is time order.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");

/// `at` as `2026-11-20T23:23:57.110789+00:00`, in UTC and always with six digits.
///
/// ```
/// use time::macros::datetime;
/// let at = datetime!(2026-11-20 23:23:57 UTC);
/// assert_eq!(supervise_core::format_timestamp(at), "2026-11-20T23:23:57.000000+00:00");
/// ```
pub fn format_timestamp(at: OffsetDateTime) -> String {
    // Formatting into a String can't fail for a fixed UTC format; an empty text would only mean "unknown".
    at.to_offset(UtcOffset::UTC).format(FORMAT).unwrap_or_default()
}

/// The present time in the same form.
pub fn now_timestamp() -> String {
    format_timestamp(OffsetDateTime::now_utc())
}
