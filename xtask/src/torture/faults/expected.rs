//! What each fault may look like while it lasts, as docs/reliability.md promises it.

pub(super) struct Expected {
    /// Statuses of `/health`.
    pub(super) health: &'static [u16],
    /// Exit codes of `supervise list`.
    pub(super) list: &'static [i32],
    /// Exit codes of `supervise approve` for a proposal that was pending before.
    pub(super) approve: &'static [i32],
    /// One of these is said by each of both that fails.
    pub(super) words: &'static [&'static str],
    /// Exit codes of `supervise doctor` and `supervise audit verify`.
    pub(super) doctor: &'static [i32],
    pub(super) verify: &'static [i32],
}

const fn expected(
    health: &'static [u16],
    list: &'static [i32],
    approve: &'static [i32],
    words: &'static [&'static str],
) -> Expected {
    Expected {
        health,
        list,
        approve,
        words,
        doctor: &[0, 1],
        verify: &[0, 1],
    }
}

impl Expected {
    const fn doctor(mut self, codes: &'static [i32]) -> Self {
        self.doctor = codes;
        self
    }

    /// Nothing is wrong with the host's own log.
    const fn verifies(mut self) -> Self {
        self.verify = &[0];
        self
    }
}

/// What is there can be read, nothing can be added.
pub(super) const FULL: Expected =
    expected(&[200], &[0], &[1, 7], &["the disk is full", "No space left"]).verifies();
pub(super) const READ_ONLY: Expected = expected(&[200], &[0], &[1, 7], &["can't be written", "Read-only"])
    .doctor(&[1])
    .verifies();
/// The call that fails is a random one: it may be past the point where a decision stands, or before it.
pub(super) const NOT_WRITTEN: Expected = expected(
    &[200],
    &[0, 1],
    &[0, 1, 7],
    &["the disk doesn't read or write", "Input/output error"],
);
/// Where the bottle can't be read its proposals aren't found, which is said beside.
pub(super) const NOT_READ: Expected = expected(
    &[503],
    &[0, 1],
    &[0, 1, 3, 7],
    &[
        "the disk doesn't read or write",
        "Input/output error",
        "is damaged",
    ],
);
/// With room for one connection the sidecar answers; the operator's program may not even start.
pub(super) const NO_DESCRIPTORS: Expected = expected(
    &[0, 200, 503],
    &[0, 1, 127],
    &[0, 1, 3, 7, 127],
    &[
        "Too many open files",
        "can't be opened",
        "shared object",
        "shared libraries",
    ],
);
pub(super) const WORKS: Expected = expected(&[200], &[0], &[0], &[]).doctor(&[0]).verifies();
pub(super) const MISSING: Expected = expected(&[503], &[0], &[3], &["no proposal has the id"]).verifies();
/// By a database without tables, which is taken as a new one, or by what is none.
pub(super) const REPLACED: Expected = expected(
    &[200, 503],
    &[0, 1],
    &[1, 3],
    &["is damaged", "is refused", "no proposal has the id"],
)
.verifies();
/// A sidecar that has read the schema before may not need the page that decayed.
pub(super) const DAMAGED: Expected = expected(
    &[200, 503],
    &[0, 1],
    &[0, 1, 3],
    &["is damaged", "is refused", "no proposal has the id"],
)
.verifies();
pub(super) const REFUSED: Expected = expected(&[503], &[1], &[1], &["is refused"])
    .doctor(&[1])
    .verifies();
/// Agents don't need that file.
pub(super) const HOST_DAMAGED: Expected = expected(&[200], &[0, 1], &[0, 1], &["is damaged", "is refused"]);
