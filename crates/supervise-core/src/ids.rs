//! Slugs name bottles and become path components; proposal ids are UUIDs in one spelling.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const MAX_SLUG_BYTES: usize = 63;

/// Why a text is not a bottle's slug.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text breaks the slug's form; it holds the text, escaped.
    #[error(
        "{0:?} is not a bottle slug: use 1 to 63 of a-z, 0-9, '.', '_' and '-', begin with a letter or a digit, no '..'"
    )]
    Slug(String),
}

/// A bottle's name: `[a-z0-9][a-z0-9._-]{0,62}` without `..`, so that it is always one plain path component.
///
/// ```
/// use supervise_core::Slug;
/// assert!("dev-1".parse::<Slug>().is_ok());
/// assert!("../dev".parse::<Slug>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

impl Slug {
    /// The slug's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let good = !text.is_empty()
            && text.len() <= MAX_SLUG_BYTES
            && text.bytes().next().is_some_and(alnum)
            && text.bytes().all(|b| alnum(b) || matches!(b, b'.' | b'_' | b'-'))
            && !text.contains("..");
        if good {
            Ok(Slug(text.to_owned()))
        } else {
            Err(IdError::Slug(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<std::path::Path> for Slug {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

/// Whether `id` is a UUID in lower-case hyphenated form, the only spelling that is listed or decided.
pub fn is_proposal_id(id: &str) -> bool {
    id.len() == 36
        && id.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_one_plain_path_component() {
        for good in ["a", "0", "dev", "dev-1.x_y", &"a".repeat(63)] {
            assert!(good.parse::<Slug>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "-a",
            "_a",
            "A",
            "a b",
            "a/b",
            "a..b",
            "é",
            "a\n",
            "a\0",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<Slug>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_have_one_spelling() {
        let id = uuid::Uuid::new_v4().to_string();
        assert!(is_proposal_id(&id));
        assert!(!is_proposal_id(&id.to_uppercase()) || id == id.to_uppercase());
        for bad in [
            "",
            "x",
            &id[1..],
            &id.replace('-', ""),
            &format!("{{{id}}}"),
            &id.replacen('-', "_", 1),
        ] {
            assert!(!is_proposal_id(bad), "{bad:?}");
        }
    }
}
