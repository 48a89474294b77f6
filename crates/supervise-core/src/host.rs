//! What an agent may name as a host: one public DNS name, in one spelling.
//!
//! Mapping to A-labels follows [UTS #46](https://www.unicode.org/reports/tr46/); what counts as an IPv4
//! literal follows the "ends in a number" rule of the [WHATWG URL Standard](https://url.spec.whatwg.org/#ends-in-a-number-checker),
//! because that is what HTTP clients apply.

use std::net::Ipv6Addr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use thiserror::Error;

const MAX_HOST_CHARS: usize = 253;
/// Names that mean this machine, this network or the proxy itself.
const LOCAL_NAMES: [&str; 3] = ["localhost", "local", "internal"];
/// All of ASCII but letters, digits, hyphen, dot and the underscore that real host names hold.
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

/// Why a text is not a host an agent may ask for. The message says what to send instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HostError {
    /// Nothing, or only blanks.
    #[error("is blank: send a DNS name such as api.example.com")]
    Blank,
    /// Too long for a DNS name.
    #[error("is longer than 253 characters: send one DNS name")]
    TooLong,
    /// A control character or a blank inside.
    #[error("holds a control character or a blank: send the DNS name alone")]
    Control,
    /// A URL.
    #[error("is a URL: send only its host name, and its path in path_allowlist")]
    Url,
    /// A path behind the host.
    #[error("holds a path: send the host name alone, and the path in path_allowlist")]
    Path,
    /// `user@host`.
    #[error("holds user information before an '@': send the host name alone")]
    UserInfo,
    /// A `*`.
    #[error("holds a wildcard: ask for each host by its full name")]
    Wildcard,
    /// A port behind the host.
    #[error("holds a port: send the host name alone")]
    Port,
    /// An IP address in any spelling.
    #[error("is an IP address: send a DNS name")]
    IpLiteral,
    /// A name of this machine or its network.
    #[error("names a local service, which no route can open: send a public DNS name")]
    Local,
    /// One label only.
    #[error("has a single label: send the full DNS name, such as api.example.com")]
    SingleLabel,
    /// Anything else that no DNS name can hold.
    #[error("is not a DNS name: send letters, digits, hyphens and dots, each label 1 to 63 characters long")]
    NotDns,
}

/// `host` in the one spelling that is stored: lower case, A-labels, no final dot.
///
/// ```
/// use supervise_core::{HostError, normalize_host};
/// assert_eq!(normalize_host("API.Example.com.").unwrap(), "api.example.com");
/// assert_eq!(normalize_host("bücher.example").unwrap(), "xn--bcher-kva.example");
/// assert_eq!(normalize_host("https://example.com"), Err(HostError::Url));
/// ```
pub fn normalize_host(host: &str) -> Result<String, HostError> {
    check_shape(host)?;
    let ascii = Uts46::new()
        .to_ascii(host.as_bytes(), DENIED, Hyphens::Allow, DnsLength::Ignore)
        .map_err(|_| HostError::NotDns)?;
    let name = ascii.strip_suffix('.').unwrap_or(&ascii);
    if name.len() > MAX_HOST_CHARS {
        return Err(HostError::TooLong);
    }
    if name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(HostError::NotDns);
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    // Checked after mapping, so that full-width digits and dots don't slip past.
    if is_number(last) {
        return Err(HostError::IpLiteral);
    }
    if LOCAL_NAMES.contains(&last) {
        return Err(HostError::Local);
    }
    if !name.contains('.') {
        return Err(HostError::SingleLabel);
    }
    Ok(name.to_owned())
}

fn check_shape(host: &str) -> Result<(), HostError> {
    if host.trim().is_empty() {
        return Err(HostError::Blank);
    }
    // A name within the limit may need more characters before mapping, but never this many.
    if host.chars().count() > 4 * MAX_HOST_CHARS {
        return Err(HostError::TooLong);
    }
    if host.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(HostError::Control);
    }
    if host.contains("://") {
        return Err(HostError::Url);
    }
    if is_ipv6(host) {
        return Err(HostError::IpLiteral);
    }
    if host.contains(['/', '\\', '?', '#']) {
        return Err(HostError::Path);
    }
    if host.contains('@') {
        return Err(HostError::UserInfo);
    }
    if host.contains('*') {
        return Err(HostError::Wildcard);
    }
    if host.contains(':') {
        return Err(HostError::Port);
    }
    Ok(())
}

fn is_ipv6(host: &str) -> bool {
    // "[::1]:443" and zone ids are addresses too; a bracket has no other meaning in a host.
    let bare = host.split('%').next().unwrap_or(host);
    host.starts_with('[') || bare.parse::<Ipv6Addr>().is_ok()
}

fn is_number(label: &str) -> bool {
    let hex = label
        .strip_prefix("0x")
        .map(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hex.unwrap_or_else(|| label.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_have_one_spelling() {
        let long = format!(
            "{}.{}.{}.{}",
            "a".repeat(63),
            "b".repeat(63),
            "c".repeat(63),
            "d".repeat(61)
        );
        let table = [
            ("example.com", "example.com"),
            ("EXAMPLE.Com", "example.com"),
            ("example.com.", "example.com"),
            ("a.b.c.d.example", "a.b.c.d.example"),
            ("r3---sn-4g5e6nz7.example.com", "r3---sn-4g5e6nz7.example.com"),
            ("my_bucket.s3.example.com", "my_bucket.s3.example.com"),
            ("1.2.3.4.example", "1.2.3.4.example"),
            ("127.0.0.1.nip.io", "127.0.0.1.nip.io"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("example\u{3002}com", "example.com"),
            ("ｅｘａｍｐｌｅ.com", "example.com"),
            ("locals.example.com", "locals.example.com"),
            ("localhost.example.com", "localhost.example.com"),
            (&long, &long),
        ];
        for (host, expected) in table {
            assert_eq!(normalize_host(host).as_deref(), Ok(expected), "{host}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        use HostError::*;
        let too_long = format!(
            "{}.{}.{}.{}",
            "a".repeat(63),
            "b".repeat(63),
            "c".repeat(63),
            "d".repeat(62)
        );
        let table = [
            ("", Blank),
            ("  ", Blank),
            ("\n", Blank),
            (&too_long, TooLong),
            (&"ß".repeat(2000), TooLong),
            ("exa mple.com", Control),
            ("example.com\n", Control),
            ("example.com\0", Control),
            ("example\u{85}.com", Control),
            ("example\u{a0}.com", Control),
            ("http://example.com", Url),
            ("https://example.com/x", Url),
            ("//example.com", Path),
            ("example.com/", Path),
            ("example.com/v1", Path),
            ("example.com?x", Path),
            ("example.com#x", Path),
            ("example.com\\x", Path),
            ("ada@example.com", UserInfo),
            ("ada:pw@example.com", UserInfo),
            ("*.example.com", Wildcard),
            ("*", Wildcard),
            ("example.com:443", Port),
            ("localhost:80", Port),
            ("127.0.0.1", IpLiteral),
            ("127.0.0.1.", IpLiteral),
            ("10.1", IpLiteral),
            ("127.1", IpLiteral),
            ("2130706433", IpLiteral),
            ("0x7f000001", IpLiteral),
            ("0x7f.1", IpLiteral),
            ("0x", IpLiteral),
            ("0177.0.0.1", IpLiteral),
            ("1.2.3.4.5", IpLiteral),
            ("example.1", IpLiteral),
            ("１２７.０.０.１", IpLiteral),
            ("127。0。0。1", IpLiteral),
            ("::1", IpLiteral),
            ("::ffff:127.0.0.1", IpLiteral),
            ("fe80::1%eth0", IpLiteral),
            ("[::1]", IpLiteral),
            ("[::1]:443", IpLiteral),
            ("[127.0.0.1]", IpLiteral),
            ("localhost", Local),
            ("LOCALHOST", Local),
            ("localhost.", Local),
            ("x.localhost", Local),
            ("printer.local", Local),
            ("metadata.google.internal", Local),
            ("host.docker.internal", Local),
            ("_egress.local", Local),
            ("ｌｏｃａｌｈｏｓｔ", Local),
            ("intranet", SingleLabel),
            ("example", SingleLabel),
            ("com.", SingleLabel),
            (".", NotDns),
            (".example.com", NotDns),
            ("example..com", NotDns),
            ("example.com..", NotDns),
            ("exa$mple.com", NotDns),
            ("exa%6dple.com", NotDns),
            ("xn--a.example", NotDns),
            ("xn--0.example", NotDns),
            ("a\u{202e}b.example", NotDns),
            (&format!("{}.com", "a".repeat(64)), NotDns),
        ];
        for (host, expected) in table {
            assert_eq!(normalize_host(host), Err(expected), "{host:?}");
        }
    }
}
