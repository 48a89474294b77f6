//! The only way agent text reaches a terminal, an editor or a log.
//!
//! Escaping works by an allow-list of what a person can see; nothing is dropped, because what vanishes
//! can't be judged. The result can be read back, so two different texts never look the same.

use std::fmt;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// A tab as it is shown over several lines: four columns, and nothing else looks so, since an arrow of the text's own
/// is escaped there.
const TAB: &str = "→   ";
const ARROW: char = '→';

/// Text of any origin, safe to show over several lines: newlines stay, a tab becomes an arrow and three blanks,
/// everything else that a terminal would act on or a person couldn't see becomes `<U+XXXX>`, and so does an arrow.
///
/// ```
/// use supervise_core::SafeText;
/// assert_eq!(SafeText::new("red \u{1b}[31m").to_string(), "red <U+001B>[31m");
/// assert_eq!(SafeText::new("a\tb → c").to_string(), "a→   b <U+2192> c");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SafeText(String);

impl SafeText {
    /// Escapes `raw`.
    pub fn new(raw: &str) -> Self {
        SafeText(escape(raw, true))
    }

    /// The escaped lines, without their newlines.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.split('\n')
    }

    /// The escaped text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Text of any origin, safe to show inside one line: as [`SafeText`], and newlines and tabs are escaped too.
///
/// ```
/// use supervise_core::SafeLine;
/// assert_eq!(SafeLine::new("a\nstatus: approved").to_string(), "a<U+000A>status: approved");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SafeLine(String);

impl SafeLine {
    /// Escapes `raw`.
    pub fn new(raw: &str) -> Self {
        SafeLine(escape(raw, false))
    }

    /// The escaped text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn escape(raw: &str, multi_line: bool) -> String {
    let mut safe = String::with_capacity(raw.len() + 16);
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            // An escape typed by hand is escaped itself: shown text reads back to exactly one original.
            '<' if rest.starts_with("U+") => push_escape(&mut safe, c),
            ' '..='~' => safe.push(c),
            '\n' if multi_line => safe.push(c),
            '\t' if multi_line => safe.push_str(TAB),
            ARROW if multi_line => push_escape(&mut safe, c),
            c if is_visible(c) => safe.push(c),
            c => push_escape(&mut safe, c),
        }
    }
    safe
}

fn push_escape(safe: &mut String, c: char) {
    use fmt::Write as _;
    // Writing to a String can't fail.
    let _ = write!(safe, "<U+{:04X}>", u32::from(c));
}

fn is_visible(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Mark, Number, Punctuation, Symbol};
    let group = c.general_category_group();
    matches!(group, Letter | Mark | Number | Punctuation | Symbol) && !is_blank_looking(c)
}

/// Letters, marks and symbols that nevertheless show nothing: Unicode's Default_Ignorable_Code_Point where
/// the category alone lets them pass, and the blanks that are filed as symbols.
fn is_blank_looking(c: char) -> bool {
    matches!(u32::from(c),
        0x034F                  // combining grapheme joiner
        | 0x115F..=0x1160       // Hangul fillers
        | 0x17B4..=0x17B5       // Khmer inherent vowels
        | 0x180B..=0x180F       // Mongolian selectors
        | 0x2800                // empty Braille pattern
        | 0x3164 | 0xFFA0       // Hangul fillers
        | 0xFE00..=0xFE0F       // variation selectors
        | 0x16FE4               // Khitan filler
        | 0x1D159               // null note head
        | 0x1D173..=0x1D17A     // musical controls
        | 0xE0000..=0xE0FFF     // tags and variation selectors
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Reads an escaped line back.
    fn unescape(safe: &str) -> String {
        let mut raw = String::new();
        let mut rest = safe;
        while let Some(at) = rest.find("<U+") {
            let end = at + rest[at..].find('>').unwrap();
            let code = u32::from_str_radix(&rest[at + 3..end], 16).unwrap();
            raw.push_str(&rest[..at]);
            raw.push(char::from_u32(code).unwrap());
            rest = &rest[end + 1..];
        }
        raw + rest
    }

    #[test]
    fn hostile_code_points_are_all_spelled_out() {
        let hostile = "\0\u{7}\u{8}\r\u{b}\u{c}\u{1b}\u{7f}\u{80}\u{85}\u{9b}\u{9d}\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\
            \u{1160}\u{180e}\u{2000}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\
            \u{2069}\u{2800}\u{3000}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{e0001}\u{e0041}\u{e000}\u{f0000}\u{378}";
        for c in hostile.chars() {
            let escaped = format!("<U+{:04X}>", u32::from(c));
            assert_eq!(SafeLine::new(&c.to_string()).as_str(), escaped);
            assert_eq!(SafeText::new(&c.to_string()).as_str(), escaped);
        }
    }

    #[test]
    fn what_people_write_stays_readable() {
        for text in [
            "GET /v1 <b>&\"'",
            "Größe, naïve, 日本語, русский, עברית, ไทย",
            "→ ✓ € 🦀",
            "e\u{301}",
        ] {
            assert_eq!(SafeLine::new(text).as_str(), text);
        }
        assert_eq!(SafeText::new("a\n\tb").as_str(), "a\n→   b");
        assert_eq!(SafeLine::new("a\n\tb").as_str(), "a<U+000A><U+0009>b");
    }

    #[test]
    fn every_code_point_is_visible_or_spelled_out() {
        for c in (0..=0x10_FFFF).filter_map(char::from_u32) {
            let safe = SafeLine::new(&c.to_string());
            assert_eq!(unescape(safe.as_str()), c.to_string());
            assert!(
                !safe.as_str().chars().any(char::is_control),
                "U+{:04X}",
                u32::from(c)
            );
        }
    }

    #[test]
    fn a_tab_looks_like_nothing_else() {
        let look_alikes = ["a\tb", "a    b", "a→   b", "a\u{9}→b", "a<U+0009>b"];
        let shown: HashSet<String> = look_alikes
            .iter()
            .map(|text| SafeText::new(text).to_string())
            .collect();
        assert_eq!(shown.len(), look_alikes.len());
    }

    proptest! {
        #[test]
        fn shown_text_reads_back_to_one_original(raw in "(\\PC|[\t\n →\\x00-\\x1f]){0,40}", fake in "<U\\+[0-9A-F]{0,6}>?") {
            let raw = raw + &fake;
            prop_assert_eq!(unescape(SafeLine::new(&raw).as_str()), &raw[..]);
            let shown = SafeText::new(&raw).to_string();
            prop_assert_eq!(unescape(&shown.replace(TAB, "\t")), raw);
        }
    }
}
