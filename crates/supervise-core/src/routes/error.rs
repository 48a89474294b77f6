//! Why a routes file is refused, and where.

use thiserror::Error;

/// A routes file that is not read or not amended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct RoutesError {
    /// 1-based line in the file.
    pub line: usize,
    /// What is wrong there.
    pub problem: RoutesProblem,
}

/// What is wrong with a routes file. Texts from the file are escaped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RoutesProblem {
    /// Not YAML.
    #[error("not valid YAML: {0}")]
    Syntax(String),
    /// YAML of another shape.
    #[error("not a routes file: {0}")]
    NotRoutes(&'static str),
    /// `&name`: one value would be changed in two places.
    #[error("an anchor (&) is not supported: write the value out in each place")]
    Anchor,
    /// `*name`.
    #[error("an alias (*) is not supported: write the value out in each place")]
    Alias,
    /// `!name`.
    #[error("a tag (!) is not supported: write the plain value")]
    Tag,
    /// `<<`.
    #[error("a merge key (<<) is not supported: write the keys out")]
    MergeKey,
    /// A key given twice; programs differ in which of the two they take.
    #[error("key '{0}' is there twice")]
    DuplicateKey(String),
    /// A list or a mapping as a key.
    #[error("a key that is a list or a mapping is not supported")]
    ComplexKey,
    /// More than one document.
    #[error("a second document begins here: keep one document in the file")]
    SecondDocument,
    /// A character that only some YAML programs take for the end of a line.
    #[error("holds a line break that programs read in different ways (U+{0:04X}): use plain newlines")]
    LineBreak(u32),
    /// A host with two routes.
    #[error("host '{host}' has a route already in line {first}: keep one")]
    HostTwice {
        /// The host in its one spelling.
        host: String,
        /// Line of the other route.
        first: usize,
    },
    /// A `path_allowlist` with nothing in it may mean no path or every path.
    #[error("'path_allowlist' is empty: name a prefix, or leave the key out to open every path")]
    EmptyAllowlist,
    /// No host that a proxy could ever meet.
    #[error("'host' must be a host's name or address alone, without scheme, path or blanks")]
    Host,
    /// A prefix that no request's path begins with.
    #[error("a path prefix must begin with '/' and hold no blanks and nothing beyond ASCII")]
    Path,
    /// A credential given instead of named.
    #[error("'token_ref' must be the name of a host variable: never the token itself")]
    TokenRef,
    /// The text is laid out so that it can't be amended safely.
    #[error(
        "can't be changed safely as it is laid out: write this part as plain block YAML, or edit it by hand"
    )]
    Unpatchable,
}

impl RoutesProblem {
    /// This problem, at a line.
    pub(super) fn at(self, line: usize) -> RoutesError {
        RoutesError { line, problem: self }
    }
}
