//! Spans of time as an operator writes them: a number and its unit, `90s`, `10m`, `2h`, `7d`.

use supervise_store::Sticky;
use thiserror::Error;
use time::Duration;

/// Why a text is no span of time, or too long a one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum SpanError {
    #[error("write a number and its unit: 0, 90s, 10m, 2h or 7d")]
    Form,
    #[error("a refusal sticks for thirty days at most")]
    Long,
}

/// A span of whole seconds.
pub(crate) fn span(text: &str) -> Result<Duration, SpanError> {
    seconds(text).map(Duration::seconds)
}

/// How long a rejection sticks.
pub(crate) fn sticky(text: &str) -> Result<Sticky, SpanError> {
    let seconds = seconds(text)?;
    Sticky::from_seconds(seconds.unsigned_abs()).ok_or(SpanError::Long)
}

fn seconds(text: &str) -> Result<i64, SpanError> {
    if text == "0" {
        return Ok(0);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(SpanError::Form),
    };
    // Nine digits of days are still far from overflowing.
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SpanError::Form);
    }
    let number: i64 = digits.parse().map_err(|_| SpanError::Form)?;
    Ok(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_unit() {
        let table = [
            ("0", 0),
            ("0s", 0),
            ("90s", 90),
            ("10m", 600),
            ("2h", 7_200),
            ("007d", 604_800),
        ];
        for (text, seconds) in table {
            assert_eq!(span(text), Ok(Duration::seconds(seconds)), "{text}");
        }
        for bad in [
            "",
            "10",
            "m",
            "1.5h",
            "-1s",
            "+1s",
            "1 h",
            " 1h",
            "1h ",
            "1w",
            "1H",
            "1h30m",
            "1000000000s",
            "٣s",
            "1é",
        ] {
            assert_eq!(span(bad), Err(SpanError::Form), "{bad:?}");
        }
        assert!(span("999999999d").is_ok());
    }

    #[test]
    fn a_refusal_has_an_end() {
        assert_eq!(sticky("0"), Ok(Sticky::NONE));
        assert_eq!(sticky("30d"), Ok(Sticky::MAX));
        assert_eq!(sticky("31d"), Err(SpanError::Long));
        assert_eq!(sticky("999999999d"), Err(SpanError::Long));
    }
}
