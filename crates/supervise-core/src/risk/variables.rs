//! The variables that a Dockerfile sets for itself, as far as a reader can follow them.

use std::collections::HashMap;

use super::words::pairs;

/// Longer values and lines are left as they are written: filled in again and again, a text would grow without end.
const MAX_VALUE_BYTES: usize = 512;
const MAX_FILLED_BYTES: usize = 64 << 10;

/// Values by their names.
#[derive(Debug, Default)]
pub(super) struct Variables(HashMap<String, String>);

impl Variables {
    /// Takes in an `ARG` or `ENV` line. A name alone declares a variable again, with the value it has.
    pub(super) fn set(&mut self, line: &str) {
        for (name, value) in pairs(line) {
            let value = self.fill_in(&value);
            if !value.is_empty() && value.len() <= MAX_VALUE_BYTES {
                self.0.insert(name, value);
            }
        }
    }

    /// `text` with `$NAME`, `${NAME}` and `${NAME:-default}` filled in where they are known.
    pub(super) fn fill_in(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$').filter(|_| filled.len() < MAX_FILLED_BYTES) {
            filled.push_str(&rest[..at]);
            let (name, default, behind) = variable(&rest[at + 1..]);
            match self.0.get(name).map(String::as_str).or(default) {
                Some(value) => filled.push_str(value),
                None => filled.push_str(&rest[at..rest.len() - behind.len()]),
            }
            rest = behind;
        }
        filled + rest
    }
}

/// The name, the default and what follows, of a variable behind its `$`.
fn variable(text: &str) -> (&str, Option<&str>, &str) {
    if let Some((inside, behind)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
        let (name, default) = inside
            .split_once(":-")
            .map_or((inside, None), |(name, value)| (name, Some(value)));
        return (name, default, behind);
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (&text[..end], None, &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_in_as_they_are_set() {
        let mut variables = Variables::default();
        variables.set("A=https: B=${A}//x");
        variables.set("C=$B/y");
        variables.set("A");
        assert_eq!(
            variables.fill_in("$C ${D:-z} $E \"${A}\""),
            "https://x/y z $E \"https:\""
        );
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut variables = Variables::default();
        variables.set("A=xx");
        for _ in 0..100 {
            variables.set("A=$A$A");
        }
        assert!(variables.fill_in(&"$A".repeat(100_000)).len() < 1 << 20);
    }
}
