//! What would be deleted of a bottle's past, and what was.

use supervise_core::{SafeLine, Slug};
use supervise_store::Freed;

use crate::ui::{Line, Paint, line};

/// How much of a timestamp is its day.
const DAY_CHARS: usize = 10;

/// What would go: so many proposals, of this time, with so many bytes.
pub(crate) fn planned(slug: &Slug, proposals: usize, (oldest, newest): (&str, &str), bytes: u64) -> Line {
    // Days are enough, and the rest of the text is the bottle's own.
    let day = |time: &str| SafeLine::new(&time.chars().take(DAY_CHARS).collect::<String>());
    line![]
        .paint(Paint::Bold, slug)
        .and(": ")
        .and(proposals)
        .and(" archived proposals from ")
        .and(day(oldest))
        .and(" to ")
        .and(day(newest))
        .and(", ")
        .and(bytes.div_ceil(1024))
        .and(" KiB")
}

/// What has gone.
pub(crate) fn deleted(slug: &Slug, freed: Freed) -> Line {
    let line = line![]
        .paint(Paint::Bold, slug)
        .and(": deleted ")
        .and(freed.proposals)
        .and(" proposals, ")
        .and(freed.responses)
        .and(" responses and ")
        .and(freed.side_rows)
        .and(" rows beside them");
    if freed.left == 0 {
        return line;
    }
    line.and("; ")
        .and(freed.left)
        .and(" have changed meanwhile and are left")
}
