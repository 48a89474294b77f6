//! Path prefixes: plain strings that mean the same to every proxy.

use thiserror::Error;

const MAX_PATH_CHARS: usize = 1024;
/// Each is read differently by some proxy or server: as another path, or as the path's end.
const REFUSED: [&str; 11] = [
    "..", "/./", "//", "\\", "?", "#", "%2f", "%2e", "%5c", "%25", "%00",
];

/// Why a text is not a path prefix an agent may ask for. The message says what to send instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathPrefixError {
    /// Doesn't begin at the root.
    #[error("must start with '/'")]
    NotAbsolute,
    /// Over 1,024 characters.
    #[error("is longer than 1024 characters: send a shorter prefix")]
    TooLong,
    /// A blank, a control character or anything outside ASCII.
    #[error("holds a blank or a character outside printable ASCII: send it percent-encoded")]
    NotPrintable,
    /// Something that another program may read as another path.
    #[error("holds {0:?}, which servers read in different ways: send a plain prefix such as /v1/")]
    Ambiguous(&'static str),
}

/// Whether `path` is a prefix that may be stored: printable ASCII from `/` on, without anything that a
/// proxy and a server might read differently.
pub fn check_path_prefix(path: &str) -> Result<(), PathPrefixError> {
    if !path.starts_with('/') {
        return Err(PathPrefixError::NotAbsolute);
    }
    if path.chars().count() > MAX_PATH_CHARS {
        return Err(PathPrefixError::TooLong);
    }
    if !path.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(PathPrefixError::NotPrintable);
    }
    let lower = path.to_ascii_lowercase();
    match REFUSED.iter().find(|part| lower.contains(**part)) {
        Some(part) => Err(PathPrefixError::Ambiguous(part)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_prefixes_pass() {
        let longest = format!("/{}", "a".repeat(1023));
        for path in [
            "/",
            "/v1",
            "/v1/",
            "/a/b/c.d",
            "/a/.well-known/x",
            "/~ada/+x;y=z",
            "/%20x",
            &longest,
        ] {
            assert_eq!(check_path_prefix(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        use PathPrefixError::*;
        let table = [
            ("", NotAbsolute),
            ("v1", NotAbsolute),
            (" /v1", NotAbsolute),
            ("https://example.com/", NotAbsolute),
            (&format!("/{}", "a".repeat(1024)), TooLong),
            ("/a b", NotPrintable),
            ("/a\tb", NotPrintable),
            ("/a\n", NotPrintable),
            ("/é", NotPrintable),
            ("/a\u{7f}", NotPrintable),
            ("/../x", Ambiguous("..")),
            ("/a..b", Ambiguous("..")),
            ("/./x", Ambiguous("/./")),
            ("//x", Ambiguous("//")),
            ("/a\\b", Ambiguous("\\")),
            ("/a?b", Ambiguous("?")),
            ("/a#b", Ambiguous("#")),
            ("/a%2fb", Ambiguous("%2f")),
            ("/a%2Fb", Ambiguous("%2f")),
            ("/a%2Eb", Ambiguous("%2e")),
            ("/a%5cb", Ambiguous("%5c")),
            ("/a%25b", Ambiguous("%25")),
            ("/a%00b", Ambiguous("%00")),
        ];
        for (path, expected) in table {
            assert_eq!(check_path_prefix(path), Err(expected), "{path:?}");
        }
    }
}
