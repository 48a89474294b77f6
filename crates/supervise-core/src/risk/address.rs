//! IP addresses in every spelling a client understands, and in the names that stand for one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Public name services that answer any name with the address it spells.
const SPELLED_OUT: [&str; 4] = ["nip.io", "sslip.io", "xip.io", "traefik.me"];
/// Public names that answer with the loopback address.
const LOOPBACK_NAMES: [&str; 4] = ["localtest.me", "lvh.me", "vcap.me", "lacolhost.com"];

/// The address that a host is, in whatever spelling.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.trim().trim_start_matches('[');
    let bare = bare.split([']', '%']).next().unwrap_or(bare);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    bare.parse::<Ipv6Addr>()
        .map(IpAddr::V6)
        .ok()
        .or_else(|| loose_ipv4(bare).map(IpAddr::V4))
}

/// The address that a name stands for, by the way it is spelled.
pub(super) fn spelled_out(host: &str) -> Option<IpAddr> {
    let under = |zone: &&&str| {
        host.strip_suffix(**zone)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if LOOPBACK_NAMES.iter().any(|zone| under(&zone)) {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let zone = SPELLED_OUT.iter().find(under)?;
    let parts: Vec<&str> = host
        .strip_suffix(zone)?
        .split(['.', '-'])
        .filter(|part| !part.is_empty())
        .collect();
    let four = |window: &[&str]| window.join(".").parse::<Ipv4Addr>().ok();
    parts.windows(4).rev().find_map(four).map(IpAddr::V4)
}

/// Whether an address leads to this machine, its network or its cloud's services.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4() {
            Some(v4) if !v6.is_loopback() && !v6.is_unspecified() => is_private_v4(v4),
            _ => {
                v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
            }
        },
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    let shared = a == 100 && (64..128).contains(&b);
    a == 0 || shared || v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_broadcast()
}

/// As `inet_aton` reads it: one to four numbers, each decimal, octal or hexadecimal, the last fills what is left.
fn loose_ipv4(host: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<u64> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = numbers.split_last()?;
    if first.len() > 3 || first.iter().any(|number| *number > 255) {
        return None;
    }
    let room = 8 * (4 - first.len());
    if *last >= 1 << room {
        return None;
    }
    let high = first.iter().fold(0, |sum, number| sum << 8 | number);
    u32::try_from(high << room | last).ok().map(Ipv4Addr::from)
}

fn number(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some("") => Some(0),
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if lower.starts_with('0') && lower.len() > 1 => u64::from_str_radix(&lower, 8).ok(),
        None => lower.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        let table = [
            ("127.0.0.1", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("0177.0.0.01", "127.0.0.1"),
            ("0x0a.1", "10.0.0.1"),
            ("8.8.8.8.", "8.8.8.8"),
            ("[::1]:443", "::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ];
        for (host, address) in table {
            assert_eq!(literal(host), Some(address.parse().unwrap()), "{host}");
        }
        for host in ["example.com", "1.2.3.4.5", "256.1.1.1", "1e3", "", "4294967296"] {
            assert_eq!(literal(host), None, "{host}");
        }
    }

    #[test]
    fn names_that_stand_for_an_address() {
        for (host, address) in [
            ("127.0.0.1.nip.io", "127.0.0.1"),
            ("app.10-0-0-1.sslip.io", "10.0.0.1"),
            ("localtest.me", "127.0.0.1"),
            ("x.lvh.me", "127.0.0.1"),
        ] {
            assert_eq!(spelled_out(host), Some(address.parse().unwrap()), "{host}");
        }
        for host in ["nip.io", "example.nip.io", "127.0.0.1.example", "xlvh.me"] {
            assert_eq!(spelled_out(host), None, "{host}");
        }
    }

    #[test]
    fn private_is_what_no_agent_should_reach() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
        ] {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}
