//! The one printer of JSON: what a person can't see is spelled out.

use serde::Serialize;

use crate::visible::is_visible;

/// `value` as JSON on one line. DEL and every invisible character beyond ASCII stand as `\uXXXX`; JSON has them
/// only inside strings, where that is the same value.
pub(crate) fn to_text(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(value).map(escaped)
}

fn escaped(json: String) -> String {
    if json.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_visible(c) {
            text.push(c);
        } else {
            push_escape(&mut text, c);
        }
    }
    text
}

fn push_escape(text: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        text.push_str(&format!("\\u{unit:04x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_spelled_out_and_read_back() {
        let raw = "a\u{7f}\u{9b}\u{ad}\u{202e}\u{200b}\u{feff}\u{e0041}\u{1b}\n<U+0041> größe 🦀";
        let text = to_text(&[raw]).unwrap();
        assert_eq!(
            text,
            "[\"a\\u007f\\u009b\\u00ad\\u202e\\u200b\\ufeff\\udb40\\udc41\\u001b\\n<U+0041> größe 🦀\"]"
        );
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [raw]);
    }

    #[test]
    fn every_code_point_is_visible_or_spelled_out() {
        let all: String = (0..=0x10_FFFF).filter_map(char::from_u32).collect();
        let text = to_text(&all).unwrap();
        assert!(text.chars().all(is_visible));
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), all);
    }
}
