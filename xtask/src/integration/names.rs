//! How the containers find each other.
//!
//! docker's own name server does. podman's sits behind the bridge's address, and netavark 1.4 lets the bridge take the
//! lowest hardware address among its containers: when one of them is restarted, the others send their questions, for up
//! to a minute, to an address that is gone. So with podman nobody asks: whoever is looked for has an address and a
//! hardware address that stay the same, and the others have them in `/etc/hosts`.

use std::net::Ipv4Addr;

use crate::command::Failed;
use crate::image::engine::Engine;

/// Those that are looked for. They get the addresses from this one on, far from those that podman gives out.
const LOOKED_FOR: [&str; 2] = ["supervise", "egress"];
const FIRST: u8 = 200;

pub(super) enum Names {
    Served,
    /// In the network that begins here.
    Fixed(Ipv4Addr),
}

impl Names {
    /// What a network's creation needs besides.
    pub(super) fn network_flags(engine: Engine) -> &'static [&'static str] {
        match engine {
            Engine::Podman => &["--disable-dns"],
            _ => &[],
        }
    }

    /// From podman's word on a network: its range, as in `10.89.0.0/24`.
    pub(super) fn fixed(range: &str) -> Result<Names, Failed> {
        let begin = range.strip_suffix("/24").and_then(|begin| begin.parse().ok());
        begin
            .map(Names::Fixed)
            .ok_or_else(|| Failed::new(format!("a network of 256 addresses was expected: {range:?}")))
    }

    /// Flags for whoever looks.
    pub(super) fn for_all(&self) -> Vec<String> {
        let Names::Fixed(begin) = self else { return vec![] };
        let hosts = LOOKED_FOR
            .iter()
            .filter_map(|name| Some(format!("--add-host={name}:{}", address(*begin, name)?)));
        hosts.collect()
    }

    /// Flags for the one who is found by a name.
    pub(super) fn of(&self, name: &str) -> Vec<String> {
        match self {
            Names::Served => vec![format!("--network-alias={name}")],
            Names::Fixed(begin) => address(*begin, name).map_or(vec![], |address| {
                let [a, b, c, d] = address.octets();
                vec![
                    format!("--ip={address}"),
                    format!("--mac-address=02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}"),
                ]
            }),
        }
    }
}

fn address(begin: Ipv4Addr, name: &str) -> Option<Ipv4Addr> {
    let place = LOOKED_FOR.iter().position(|known| *known == name)?;
    let [a, b, c, _] = begin.octets();
    let last = FIRST.checked_add(u8::try_from(place).ok()?)?;
    Some(Ipv4Addr::new(a, b, c, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_looked_for_is_where_the_others_look() {
        let names = Names::fixed("10.89.3.0/24").unwrap();
        assert_eq!(
            names.for_all(),
            [
                "--add-host=supervise:10.89.3.200",
                "--add-host=egress:10.89.3.201"
            ]
        );
        assert_eq!(
            names.of("egress"),
            ["--ip=10.89.3.201", "--mac-address=02:42:0a:59:03:c9"]
        );
        assert!(Names::fixed("fd00::/64").is_err());
    }
}
