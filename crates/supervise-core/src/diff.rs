//! Unified diffs that `patch` can apply.

use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices_deadline, group_diff_ops};

const CONTEXT_LINES: usize = 3;
/// Long enough for any honest file; past it the diff stays correct and only gets coarser.
const TIME_LIMIT: Duration = Duration::from_millis(500);
const NO_NEWLINE: &str = "\\ No newline at end of file";

/// The unified diff from `before` to `after` with three lines of context, headed `<label> (current)` and
/// `<label> (proposed)`. Empty when both are equal; no final newline. Lines end at `\n` only.
///
/// ```
/// let diff = supervise_core::render_diff("a\n", "b\n", "routes.yaml");
/// assert_eq!(diff, "--- routes.yaml (current)\n+++ routes.yaml (proposed)\n@@ -1 +1 @@\n-a\n+b");
/// ```
pub fn render_diff(before: &str, after: &str, label: &str) -> String {
    render_diff_until(before, after, label, Instant::now() + TIME_LIMIT)
}

/// As [`render_diff`], searching for the smallest diff only until `deadline`.
pub fn render_diff_until(before: &str, after: &str, label: &str, deadline: Instant) -> String {
    if before == after {
        return String::new();
    }
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(deadline));
    let mut out = format!("--- {label} (current)\n+++ {label} (proposed)\n");
    for hunk in group_diff_ops(ops, CONTEXT_LINES) {
        push_hunk(&mut out, &hunk, &old, &new);
    }
    out.pop();
    out
}

fn push_hunk(out: &mut String, hunk: &[DiffOp], old: &[&str], new: &[&str]) {
    let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
        return;
    };
    let old_range = first.old_range().start..last.old_range().end;
    let new_range = first.new_range().start..last.new_range().end;
    out.push_str(&format!(
        "@@ -{} +{} @@\n",
        range_text(old_range),
        range_text(new_range)
    ));
    for op in hunk {
        if op.tag() == DiffTag::Equal {
            push_lines(out, ' ', &old[op.old_range()]);
        } else {
            push_lines(out, '-', &old[op.old_range()]);
            push_lines(out, '+', &new[op.new_range()]);
        }
    }
}

fn push_lines(out: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push('\n');
            out.push_str(NO_NEWLINE);
            out.push('\n');
        }
    }
}

/// An empty range names the line before it, as POSIX diff has it.
fn range_text(range: std::ops::Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        count => format!("{},{count}", range.start + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Applies a unified diff, trusting its line numbers and checking every line it removes or keeps.
    fn apply(before: &str, diff: &str) -> String {
        let old: Vec<&str> = before.split_inclusive('\n').collect();
        let mut lines = diff.split('\n').skip(2).peekable();
        let (mut at, mut after) = (0, String::new());
        while let Some(line) = lines.next() {
            if let Some(header) = line.strip_prefix("@@ -") {
                let range = header.split(' ').next().unwrap();
                let (start, count) = range.split_once(',').unwrap_or((range, "1"));
                let start = start.parse::<usize>().unwrap() - usize::from(count != "0");
                after.extend(old[at..start].iter().copied());
                at = start;
                continue;
            }
            let end = if lines.peek() == Some(&NO_NEWLINE) {
                ""
            } else {
                "\n"
            };
            match line.as_bytes().first() {
                Some(b'+') => after += &format!("{}{end}", &line[1..]),
                Some(sign @ (b'-' | b' ')) => {
                    assert_eq!(old[at], format!("{}{end}", &line[1..]));
                    after += if *sign == b' ' { old[at] } else { "" };
                    at += 1;
                }
                _ => assert_eq!(line, NO_NEWLINE),
            }
        }
        after.extend(old[at..].iter().copied());
        after
    }

    #[test]
    fn edge_cases_apply() {
        let table = [
            ("", "a"),
            ("", "a\n"),
            ("a", ""),
            ("a\n", ""),
            ("a", "a\n"),
            ("a\n", "a"),
            ("a\r\nb\n", "a\nb\n"),
            ("a\rb\n", "a\rc\n"),
            ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9"),
            ("\n\n\n", "\n\n"),
            ("a\u{2028}b\u{b}c\n", "a\u{2028}b\u{b}d\n"),
        ];
        for (before, after) in table {
            let diff = render_diff(before, after, "x");
            assert_eq!(apply(before, &diff), after, "{diff}");
            assert!(!diff.ends_with('\n'), "{diff:?}");
        }
        assert_eq!(render_diff("same\n", "same\n", "x"), "");
    }

    #[test]
    fn far_changes_get_hunks_of_their_own() {
        let before: String = (1..=30).map(|n| format!("{n}\n")).collect();
        let after = before.replace("\n2\n", "\ntwo\n").replace("\n28\n", "\n");
        let diff = render_diff(&before, &after, "f");
        assert!(
            diff.contains("@@ -1,5 +1,5 @@") && diff.contains("@@ -25,6 +25,5 @@"),
            "{diff}"
        );
    }

    #[test]
    fn a_deadline_in_the_past_still_gives_a_correct_diff() {
        let before: String = (0..2000).map(|n| format!("{}\n", n % 7)).collect();
        let after: String = (0..2000).map(|n| format!("{}\n", n % 5)).collect();
        let diff = render_diff_until(&before, &after, "f", Instant::now());
        assert_eq!(apply(&before, &diff), after);
    }

    proptest! {
        #[test]
        fn applying_gives_after(before in "[ab\n\r]{0,40}", after in "[ab\n\r]{0,40}") {
            let diff = render_diff(&before, &after, "f");
            if before == after {
                prop_assert_eq!(diff, "");
            } else {
                prop_assert_eq!(apply(&before, &diff), after);
            }
        }
    }
}
