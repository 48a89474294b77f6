//! Words of a Dockerfile's line, as far as quotes and backslashes go.

/// Splits at blanks outside quotes; quotes are taken off.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut begun) = (None, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
                continue;
            }
            (c, _) => word.push(c),
        }
        begun = true;
    }
    words.extend(begun.then_some(word));
    words
}

/// The pairs of an `ENV` or `ARG` line; a name alone has an empty value.
pub(super) fn pairs(line: &str) -> Vec<(String, String)> {
    let words = words(line);
    match words.first() {
        // The old form: one name, and the rest of the line is its value.
        Some(name) if words.len() > 1 && !name.contains('=') && !words[1].contains('=') => {
            vec![(name.clone(), words[1..].join(" "))]
        }
        _ => words.iter().map(|word| pair(word)).collect(),
    }
}

fn pair(word: &str) -> (String, String) {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    (name.to_owned(), value.to_owned())
}

/// The items of a line that is a JSON list or plain words.
pub(super) fn items(line: &str) -> Vec<String> {
    serde_json::from_str(line).unwrap_or_else(|_| words(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair_of(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(
            words("a  \"b c\" 'd \\ e' f\\ g \"\""),
            ["a", "b c", "d \\ e", "f g", ""]
        );
        assert_eq!(words(" \t"), Vec::<String>::new());
        assert_eq!(items("[\"/a\", \"/b c\"]"), ["/a", "/b c"]);
        assert_eq!(items("/a /b"), ["/a", "/b"]);
    }

    #[test]
    fn both_forms_of_env_are_read() {
        assert_eq!(pairs("A=1 B=\"x y\""), [pair_of("A", "1"), pair_of("B", "x y")]);
        assert_eq!(pairs("PATH /usr/bin /bin"), [pair_of("PATH", "/usr/bin /bin")]);
        assert_eq!(pairs("TOKEN"), [pair_of("TOKEN", "")]);
    }
}
