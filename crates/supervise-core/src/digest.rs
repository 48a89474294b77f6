//! SHA-256 in the two forms used here: over a text, and over framed fields.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of `content`'s UTF-8 bytes as 64 lower-case hex digits.
///
/// ```
/// assert!(supervise_core::sha256_hex("").starts_with("e3b0c44298fc1c149afb"));
/// ```
pub fn sha256_hex(content: &str) -> String {
    Digest(Sha256::digest(content.as_bytes()).into()).to_string()
}

/// A SHA-256 value. Decisions are bound to a proposal's digest, audit entries chained by theirs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Whether the digest's hex form begins with `hex`: 8 to 64 hex digits of either case.
    pub fn has_prefix(&self, hex: &str) -> bool {
        (8..=64).contains(&hex.len()) && self.to_string().starts_with(&hex.to_ascii_lowercase())
    }

    /// The first 16 hex digits, the form screens print after `id@`.
    pub fn short(&self) -> String {
        let mut hex = self.to_string();
        hex.truncate(16);
        hex
    }

    /// Reads 64 hex digits back; `None` for anything else.
    pub fn from_hex(hex: &str) -> Option<Digest> {
        if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).ok()?;
        }
        Some(Digest(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let digits = |byte: u8| [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]);
        let hex: String = self.0.into_iter().flat_map(digits).collect();
        f.pad(&hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hashes fields so that no two lists of fields give the same bytes: a label, then for each field its
/// length as a big-endian `u64` and its bytes. An absent field has the length `u64::MAX`, so it differs
/// from an empty one.
#[derive(Debug, Clone)]
pub struct FieldHasher(Sha256);

impl FieldHasher {
    /// Starts a hash; `label` says what is hashed and ends in a NUL byte by convention.
    pub fn new(label: &[u8]) -> Self {
        FieldHasher(Sha256::new().chain_update(label))
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a field that may be absent.
    #[must_use]
    pub fn optional(mut self, bytes: Option<&str>) -> Self {
        match bytes {
            Some(bytes) => self.field(bytes),
            None => {
                self.0.update(u64::MAX.to_be_bytes());
                self
            }
        }
    }

    /// The digest of everything added.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_tells_fields_apart() {
        let hash = |fields: &[Option<&str>]| {
            fields
                .iter()
                .fold(FieldHasher::new(b"t\0"), |hasher, field| hasher.optional(*field))
                .finish()
        };
        assert_ne!(hash(&[Some("ab"), Some("c")]), hash(&[Some("a"), Some("bc")]));
        assert_ne!(hash(&[None]), hash(&[Some("")]));
        assert_ne!(hash(&[]), hash(&[Some("")]));
        assert_eq!(hash(&[Some("a")]), FieldHasher::new(b"t\0").field("a").finish());
    }

    #[test]
    fn prefixes_are_8_to_64_hex_digits() {
        let digest = FieldHasher::new(b"x").finish();
        let hex = digest.to_string();
        assert_eq!(Digest::from_hex(&hex), Some(digest));
        for length in [8, 16, 63, 64] {
            assert!(digest.has_prefix(&hex[..length]));
            assert!(digest.has_prefix(&hex[..length].to_uppercase()));
        }
        assert!(!digest.has_prefix(&hex[..7]));
        assert!(!digest.has_prefix(""));
        assert!(!digest.has_prefix(&format!("{hex}0")));
        assert_eq!(Digest::from_hex("é"), None);
    }
}
