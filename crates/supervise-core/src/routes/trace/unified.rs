//! Unified diffs as they stand in the audit log, whoever wrote them.

const LABEL: &str = "routes.yaml";

/// A hunk. Lines are without their breaks, a carriage return included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk {
    /// Where its lines begin in the text afterwards, from 0.
    pub(super) at: usize,
    pub(super) lines: Vec<(Mark, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Kept,
    Removed,
    Added,
}

/// A text that is no unified diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl Hunk {
    /// The lines as they were.
    pub(super) fn before(&self) -> Vec<&str> {
        self.without(Mark::Added)
    }

    /// The lines as they became.
    pub(super) fn after(&self) -> Vec<&str> {
        self.without(Mark::Removed)
    }

    /// How many unchanged lines it ends with.
    pub(super) fn kept_behind(&self) -> usize {
        let kept = |line: &&(Mark, String)| line.0 == Mark::Kept;
        self.lines.iter().rev().take_while(kept).count()
    }

    fn without(&self, mark: Mark) -> Vec<&str> {
        let side = self.lines.iter().filter(|line| line.0 != mark);
        side.map(|line| line.1.as_str()).collect()
    }
}

/// The hunks of a diff of a routes file; none for an empty diff and for one of something else.
pub(super) fn hunks(diff: &str) -> Result<Vec<Hunk>, Malformed> {
    let mut lines = diff.split('\n').peekable();
    if diff.is_empty() {
        return Ok(Vec::new());
    }
    let label = lines.next().and_then(|line| line.strip_prefix("--- "));
    let label = label.ok_or(Malformed)?;
    if !lines.next().is_some_and(|line| line.starts_with("+++ ")) {
        return Err(Malformed);
    }
    if label.split(' ').next() != Some(LABEL) {
        return Ok(Vec::new());
    }
    let mut hunks = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("@@ ") {
            hunks.push(hunk(line, &mut lines)?);
        } else if !line.is_empty() && !line.starts_with('\\') {
            return Err(Malformed);
        }
    }
    if hunks.is_empty() {
        return Err(Malformed);
    }
    Ok(hunks)
}

fn hunk<'d>(header: &str, lines: &mut impl Iterator<Item = &'d str>) -> Result<Hunk, Malformed> {
    let mut ranges = header.split(' ').skip(1);
    let (_, mut old_left) = ranges.next().and_then(|text| range(text, '-')).ok_or(Malformed)?;
    let (start, mut new_left) = ranges.next().and_then(|text| range(text, '+')).ok_or(Malformed)?;
    // An empty range names the line before it.
    let at = if new_left == 0 {
        start
    } else {
        start.saturating_sub(1)
    };
    let mut body = Vec::new();
    while old_left > 0 || new_left > 0 {
        let line = lines.next().ok_or(Malformed)?;
        let mark = match line.as_bytes().first() {
            Some(b' ') => Mark::Kept,
            Some(b'-') => Mark::Removed,
            Some(b'+') => Mark::Added,
            Some(b'\\') => continue,
            _ => return Err(Malformed),
        };
        let counted = |left: usize, is_on_it: bool| match is_on_it {
            true => left.checked_sub(1).ok_or(Malformed),
            false => Ok(left),
        };
        old_left = counted(old_left, mark != Mark::Added)?;
        new_left = counted(new_left, mark != Mark::Removed)?;
        let text = &line[1..];
        body.push((mark, text.strip_suffix('\r').unwrap_or(text).to_owned()));
    }
    Ok(Hunk { at, lines: body })
}

/// `-12,3` as start and count.
fn range(text: &str, sign: char) -> Option<(usize, usize)> {
    let text = text.strip_prefix(sign)?;
    let (start, count) = text.split_once(',').unwrap_or((text, "1"));
    Some((start.parse().ok()?, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render_diff;

    #[test]
    fn both_sides_are_read_back() {
        let table = [
            ("a\nb\nc\n", "a\nx\nc"),
            ("", "a\r\nb\r\n"),
            ("a", ""),
            ("-- a\n++ b\n", "-- a\n"),
        ];
        for (before, after) in table {
            let hunks = hunks(&render_diff(before, after, LABEL)).unwrap();
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(hunks[0].before(), lines(before), "{before:?}");
            assert_eq!(hunks[0].after(), lines(after), "{after:?}");
        }
    }

    #[test]
    fn what_is_no_diff_of_routes_is_told_from_what_is_no_diff() {
        assert_eq!(hunks(""), Ok(Vec::new()));
        assert_eq!(
            hunks(&render_diff("", "{}\n", "egress-token-allow")),
            Ok(Vec::new())
        );
        let good = render_diff("a\nb\n", "a\nc\n", LABEL);
        let cut = good.rsplit_once('\n').unwrap().0;
        let miscounted = good.replace("+1,2", "+1,1");
        for bad in [
            "routes",
            "--- routes.yaml (current)",
            "--- routes.yaml\n+++ x",
            cut,
            &miscounted,
        ] {
            assert_eq!(hunks(bad), Err(Malformed), "{bad}");
        }
    }
}
