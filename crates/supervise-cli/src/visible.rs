//! Which characters a person can see, by the one rule that core's escaping has.

use supervise_core::SafeLine;

/// Whether core would show `c` as it is.
pub(crate) fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    let mut buffer = [0; 4];
    let text: &str = c.encode_utf8(&mut buffer);
    SafeLine::new(text).as_str() == text
}

/// Whether every character of `text` is visible, a newline or a tab: what an editor can be trusted with.
pub(crate) fn is_plain(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\n' | '\t') || is_visible(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_cannot_see_is_not_plain() {
        assert!(is_plain("FROM debian\n\tRUN <U+0041> größe → 🦀\n"));
        for hidden in [
            "\r",
            "\u{1b}",
            "\u{7f}",
            "\u{9b}",
            "\u{a0}",
            "\u{200b}",
            "\u{202e}",
            "\u{e0041}",
        ] {
            assert!(!is_plain(hidden), "{hidden:?}");
        }
    }
}
