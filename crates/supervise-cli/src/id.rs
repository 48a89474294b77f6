//! How an operator names a proposal: an id or the start of one, and perhaps the digest it was shown under.

use supervise_core::{Digest, Proposal, SafeLine};

use crate::error::CliError;
use crate::ui::line;

const MIN_PREFIX: usize = 4;
const ID_CHARS: usize = 36;
const DIGEST_DIGITS: std::ops::RangeInclusive<usize> = 8..=64;

/// `ID` or `ID@DIGEST`, checked for form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdArgument {
    pub(crate) prefix: String,
    digest: Option<String>,
}

impl IdArgument {
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        let (prefix, digest) = match text.split_once('@') {
            Some((prefix, digest)) => (prefix, Some(digest)),
            None => (text, None),
        };
        let in_id = |b: u8| b == b'-' || b.is_ascii_hexdigit();
        if !(MIN_PREFIX..=ID_CHARS).contains(&prefix.len()) || !prefix.bytes().all(in_id) {
            let message = line!["\"", SafeLine::new(text), "\" is no proposal id"];
            return Err(CliError::usage(message).hint("give the id, or at least its first four characters"));
        }
        if digest.is_some_and(|digest| !is_digest_prefix(digest)) {
            let message = line!["what follows the @ in \"", SafeLine::new(text), "\" is no digest"];
            return Err(
                CliError::usage(message).hint("give 8 to 64 hexadecimal digits, as `list` shows them")
            );
        }
        Ok(IdArgument {
            prefix: prefix.to_ascii_lowercase(),
            digest: digest.map(str::to_owned),
        })
    }

    /// Whether the operator named the digest.
    pub(crate) fn is_bound(&self) -> bool {
        self.digest.is_some()
    }

    /// Whether `digest` is the one the operator named; true when none was named.
    pub(crate) fn accepts(&self, digest: &Digest) -> bool {
        self.digest.as_ref().is_none_or(|hex| digest.has_prefix(hex))
    }
}

fn is_digest_prefix(text: &str) -> bool {
    DIGEST_DIGITS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The form in which screens name a proposal: `id@digest`, 16 digits of it.
pub(crate) fn reference(proposal: &Proposal) -> SafeLine {
    SafeLine::new(&format!("{}@{}", proposal.id, proposal.digest().short()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_digests_are_checked_for_form() {
        for good in [
            "3f2a",
            "3F2A",
            "3f2a@9c41d0e7",
            "00000000-0000-4000-8000-000000000000",
        ] {
            assert!(IdArgument::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "3f2",
            "3f2g",
            "3f2a@",
            "3f2a@9c41d0e",
            "3f2a@9c41d0ex",
            "3f2a%",
            "x\u{1b}[m",
        ] {
            assert!(IdArgument::parse(bad).is_err(), "{bad:?}");
        }
        assert!(!IdArgument::parse("3f2a").unwrap().is_bound());
        assert_eq!(IdArgument::parse("3F2A").unwrap().prefix, "3f2a");
    }
}
