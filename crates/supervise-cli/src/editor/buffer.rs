//! What stands in an editor besides the text: a header of ours, and never a line that sets the editor up.

use supervise_core::SafeLine;

use super::{Draft, Sheet};

/// Every line of the header begins so; a comment where the text has comments.
const MARK: &str = "#| ";
const END: &str = "#| -------- all down to this line is left out --------";
/// Editors look for settings in five lines at either end of a file, or in as many more as they were told to.
const LOOKED_AT: usize = 20;
const VI_NAMES: [&str; 3] = ["vim", "vi", "ex"];

/// The header: long enough that the first lines an editor looks at are all ours.
pub(super) fn header(sheet: Sheet, draft: &Draft) -> String {
    let first = match &draft.mistake {
        Some((at, problem)) => format!("line {at} below: {}", SafeLine::new(problem)),
        None => sheet.what.to_owned(),
    };
    let lines = [first.as_str(), "", sheet.if_unchanged, sheet.if_empty];
    let lines = lines.map(|line| format!("{}\n", format!("{MARK}{line}").trim_end()));
    format!("{}{END}\n", lines.concat())
}

/// What was saved, without the header. Where the header was taken out, all of it is the answer.
pub(super) fn without_header(saved: String) -> String {
    let mut at = 0;
    for line in saved.split_inclusive('\n') {
        at += line.len();
        match line.trim_end() {
            END => return saved[at..].to_owned(),
            line if line.starts_with(MARK.trim_end()) => {}
            _ => break,
        }
    }
    saved
}

/// Whether an editor may find settings of its own in `text`.
pub(super) fn has_modeline(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len().saturating_sub(LOOKED_AT);
    let ends = lines.iter().take(LOOKED_AT).chain(&lines[last..]);
    text.contains("Local Variables:") || ends.into_iter().any(|line| sets_up(line))
}

fn sets_up(line: &str) -> bool {
    let mut words = line.split(|c: char| c.is_whitespace());
    line.contains("-*-") || words.any(is_vi_setting)
}

/// `vim:`, `Vim>700:` and their like at the start of a word, and Kate's own.
fn is_vi_setting(word: &str) -> bool {
    let Some((name, _)) = word.split_once(':') else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '<' | '=' | '>'));
    VI_NAMES.contains(&name) || name == "kate"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many as an editor looks at that wasn't told otherwise.
    const HEADER_LINES: usize = 5;

    #[test]
    fn settings_of_editors_are_found_at_both_ends() {
        let long = "RUN x\n".repeat(LOOKED_AT);
        for line in [
            "# vim: set x",
            "vi:x",
            "# Vim>700: y",
            " ex: z",
            "# -*- eval: 1 -*-",
            "# kate: a",
        ] {
            assert!(has_modeline(&format!("{line}\n{long}")), "{line}");
            assert!(has_modeline(&format!("{long}{line}\n")), "{line}");
            assert!(
                has_modeline(&format!("{long}{line}\n{}", "RUN x\n".repeat(11))),
                "{line}"
            );
            assert!(!has_modeline(&format!("{long}{line}\n{long}")), "{line}");
        }
        assert!(has_modeline(&format!("{long}# Local Variables:\n{long}")));
        for line in [
            "RUN apt install vim",
            "# regex: a",
            "{\"vi\": 1}",
            "vim-tiny:latest",
        ] {
            assert!(!has_modeline(line), "{line}");
        }
    }

    #[test]
    fn the_header_is_taken_off_and_nothing_else() {
        let texts = ["", "FROM x\n", "# a comment\n#| of theirs\n", "{}", "#| x\n"];
        for mistake in [None, Some((3, "a\nb".to_owned()))] {
            for text in texts {
                let draft = Draft {
                    text: text.to_owned(),
                    mistake: mistake.clone(),
                };
                let header = header(Sheet::ROUTES, &draft);
                assert!(
                    header.lines().count() >= HEADER_LINES
                        && header.lines().all(|line| line.starts_with("#|"))
                );
                assert_eq!(without_header(format!("{header}{text}")), text);
                assert_eq!(without_header(text.to_owned()), text);
            }
        }
    }
}
