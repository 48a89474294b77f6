//! One value in a text of TOML; comments, order and what isn't known survive.

/// The text with `key = "value"` in `[table]`.
pub(super) fn with(text: &str, table: &str, key: &str, value: &str) -> String {
    let line = format!("{} = {}", spelt(key), quoted(value));
    let mut lines: Vec<&str> = text.lines().collect();
    let header = format!("[{table}]");
    let Some(start) = lines.iter().position(|line| bare(line) == header) else {
        let gap = if text.trim().is_empty() { "" } else { "\n" };
        let text = text.trim_end_matches('\n');
        let before = if text.is_empty() {
            String::new()
        } else {
            format!("{text}\n")
        };
        return format!("{before}{gap}{header}\n{line}\n");
    };
    let inside = start + 1;
    let behind = lines[inside..]
        .iter()
        .position(|line| line.trim_start().starts_with('['));
    let end = behind.map_or(lines.len(), |count| inside + count);
    let found = lines[inside..end].iter().position(|line| is_key(line, key));
    match found {
        Some(at) => lines[inside + at] = &line,
        None => {
            let blank = lines[inside..end]
                .iter()
                .rev()
                .take_while(|line| line.trim().is_empty())
                .count();
            lines.insert(end - blank, &line);
        }
    }
    lines.join("\n") + "\n"
}

fn bare(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

fn is_key(line: &str, key: &str) -> bool {
    let Some((name, _)) = line.split_once('=') else {
        return false;
    };
    let name = name.trim();
    name == key || name == quoted(key) || name == format!("'{key}'")
}

/// A bare key where it may be one: a bottle's name may hold a dot, which would make a table.
fn spelt(key: &str) -> String {
    let plain = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if plain { key.to_owned() } else { quoted(key) }
}

fn quoted(value: &str) -> String {
    let mut quoted = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_added_or_replaced_and_the_rest_stays() {
        let with = |text: &str| with(text, "bottles", "a.b", "files");
        assert_eq!(with(""), "[bottles]\n\"a.b\" = \"files\"\n");
        assert_eq!(
            with("# mine\n[fleet]\nurl = \"x\""),
            "# mine\n[fleet]\nurl = \"x\"\n\n[bottles]\n\"a.b\" = \"files\"\n"
        );
        assert_eq!(
            with("[bottles] # here\nc = \"files\"\n\n[fleet]\nurl = \"x\"\n"),
            "[bottles] # here\nc = \"files\"\n\"a.b\" = \"files\"\n\n[fleet]\nurl = \"x\"\n"
        );
        assert_eq!(
            with("[bottles]\n'a.b' = \"sqlite\"\nc = \"files\"\n"),
            "[bottles]\n\"a.b\" = \"files\"\nc = \"files\"\n"
        );
    }

    #[test]
    fn whatever_is_set_reads_back() {
        for value in ["plain", "q\"b\\", "tab\tbell\u{7}", "é"] {
            let text = with("[x]\ny = 1\n", "x", "z", value);
            let read: toml::Table = toml::from_str(&text).unwrap();
            assert_eq!(read["x"]["z"].as_str(), Some(value), "{text}");
        }
    }
}
