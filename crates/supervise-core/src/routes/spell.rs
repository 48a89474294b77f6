//! Scalars: what reads as text in every YAML version, and how new ones are written.

use super::document::Quoting;

/// Words that some YAML version takes for a null or a truth value.
const WORDS: [&str; 10] = ["~", "null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// Whether a scalar is text to every program. YAML 1.1 reads more as numbers and truth values than 1.2 does.
pub(super) fn is_text(value: &str, quoting: Quoting) -> bool {
    quoting != Quoting::Plain || !(value.is_empty() || is_word(value) || is_number(value))
}

fn is_word(value: &str) -> bool {
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(value))
}

fn is_number(value: &str) -> bool {
    let digits = value.replace('_', "");
    let digits = digits.trim_start_matches(['+', '-']);
    let starts = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    starts && (digits.parse::<f64>().is_ok() || is_other_base(digits) || is_timed(digits) || is_named(digits))
}

fn is_other_base(digits: &str) -> bool {
    let lower = digits.to_ascii_lowercase();
    let bases = [("0x", 16), ("0o", 8), ("0b", 2)];
    bases.iter().any(|(prefix, base)| {
        let rest = lower.strip_prefix(prefix).unwrap_or_default();
        !rest.is_empty() && rest.chars().all(|c| c.is_digit(*base))
    })
}

/// Numbers in base sixty, and dates.
fn is_timed(digits: &str) -> bool {
    let with = |extra: &str| digits.chars().all(|c| c.is_ascii_digit() || extra.contains(c));
    (digits.contains(':') && with(":.")) || (digits.matches('-').count() == 2 && with("-:.tTzZ+ "))
}

fn is_named(digits: &str) -> bool {
    matches!(digits.to_ascii_lowercase().as_str(), ".inf" | ".nan")
}

/// `value` as a scalar that reads the same in every YAML version and in every place, in the quotes of its
/// neighbour where those can hold it.
pub(super) fn spell(value: &str, like: Quoting) -> String {
    match like {
        Quoting::Single => format!("'{}'", value.replace('\'', "''")),
        Quoting::Plain | Quoting::Block if is_plain(value) => value.to_owned(),
        // A JSON string is a double-quoted scalar. Strings always have one.
        _ => serde_json::to_string(value).unwrap_or_default(),
    }
}

fn is_plain(value: &str) -> bool {
    let mut chars = value.chars();
    let first = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_'));
    first
        && chars
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.' | '-' | '~' | '+' | '@' | '='))
        && is_text(value, Quoting::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_every_version_takes_for_text() {
        for text in [
            "example.com",
            "1e100.net",
            "0x.com",
            "10.0.0.1",
            "/v1",
            "1.example",
            "nothing",
            "x",
            "127.0.0.1.nip.io",
            "1.2.3",
            "2026-01.example",
            "é",
            "a: b",
        ] {
            assert!(is_text(text, Quoting::Plain), "{text}");
        }
        for other in [
            "",
            "~",
            "null",
            "Null",
            "YES",
            "on",
            "y",
            "1",
            "1.5",
            "-1",
            "+1",
            "1_000",
            "0x1F",
            "0o17",
            "0b1",
            "1e5",
            ".5",
            "5.",
            "1._",
            ".inf",
            "-.INF",
            ".nan",
            "1:30",
            "190:20:30.15",
            "2026-11-20",
            "2026-11-20T10:00:00Z",
        ] {
            assert!(!is_text(other, Quoting::Plain), "{other}");
            assert!(is_text(other, Quoting::Double), "{other}");
        }
    }

    #[test]
    fn what_could_be_misread_is_quoted() {
        let table = [
            ("/v1/", "/v1/"),
            ("example.com", "example.com"),
            ("GH_TOKEN", "GH_TOKEN"),
            ("NO", "\"NO\""),
            ("1._", "\"1._\""),
            ("-a.example", "\"-a.example\""),
            ("/a:", "\"/a:\""),
            ("/a,b", "\"/a,b\""),
            ("/{x}", "\"/{x}\""),
            ("/\"'", "\"/\\\"'\""),
        ];
        for (value, expected) in table {
            assert_eq!(spell(value, Quoting::Plain), expected);
        }
        assert_eq!(spell("/it's", Quoting::Single), "'/it''s'");
        assert_eq!(spell("/a", Quoting::Double), "\"/a\"");
    }
}
