//! Host and Origin: a web page that was rebound to this address must not reach the tools.

use std::net::{IpAddr, Ipv6Addr};

use hyper::http::uri::Authority;
use hyper::{HeaderMap, Uri, header};

/// The name containers find the sidecar under.
const OWN_NAME: &str = "supervise";

/// Why a request may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// No Host, or more than one.
    NoHost,
    /// A name that isn't ours.
    WrongHost,
    /// A page of another site.
    WrongOrigin,
}

/// Whether the request has exactly one Host.
pub(super) fn check_one_host(headers: &HeaderMap) -> Result<(), Stop> {
    match headers.get_all(header::HOST).iter().count() {
        1 => Ok(()),
        _ => Err(Stop::NoHost),
    }
}

/// Whether Host and Origin name this machine, an address, or one of `allowed`. Ports don't matter.
pub(super) fn check_names(uri: &Uri, headers: &HeaderMap, allowed: &[String]) -> Result<(), Stop> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let good_host = host.is_some_and(|host| is_good_authority(host, allowed));
    let good_uri = uri
        .authority()
        .is_none_or(|uri| is_good_authority(uri.as_str(), allowed));
    if !(good_host && good_uri) {
        return Err(Stop::WrongHost);
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let good = origins.all(|origin| {
        origin
            .to_str()
            .is_ok_and(|origin| is_good_origin(origin, allowed))
    });
    if good { Ok(()) } else { Err(Stop::WrongOrigin) }
}

/// `scheme://host[:port]`. What a page without an address sends, `null`, has no host.
fn is_good_origin(origin: &str, allowed: &[String]) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some_and(|authority| is_good_authority(authority, allowed))
}

fn is_good_authority(text: &str, allowed: &[String]) -> bool {
    let Ok(authority) = text.trim().parse::<Authority>() else {
        return false;
    };
    // A name in front of an '@' is not the host, whatever it looks like.
    !text.contains('@') && is_good_name(authority.host(), allowed)
}

fn is_good_name(host: &str, allowed: &[String]) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_ip = bracketed.map_or(host.parse::<IpAddr>().is_ok(), |v6| {
        v6.parse::<Ipv6Addr>().is_ok()
    });
    is_ip
        || host == OWN_NAME
        || host == "localhost"
        || host.ends_with(".localhost")
        || allowed.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>) -> Result<(), Stop> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        check_names(&Uri::from_static("/"), &headers, &["gateway.example".to_owned()])
    }

    #[test]
    fn our_names_and_addresses_pass() {
        for host in [
            "supervise",
            "Supervise:9100",
            "localhost",
            "localhost:1",
            "app.localhost",
            "127.0.0.1:9100",
            "10.1.2.3",
            "[::1]:9100",
            "[::1]",
            "gateway.example:80",
            "gateway.example.",
        ] {
            assert_eq!(check(host, None), Ok(()), "{host}");
            assert_eq!(
                check("supervise", Some(&format!("http://{host}"))),
                Ok(()),
                "{host}"
            );
        }
    }

    #[test]
    fn other_names_are_stopped() {
        for host in [
            "",
            "evil.example",
            "supervise.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil@localhost",
            "[evil]",
            "a b",
            "xlocalhost",
        ] {
            assert_eq!(check(host, None), Err(Stop::WrongHost), "{host}");
            let origin = format!("http://{host}");
            assert_eq!(
                check("supervise", Some(&origin)),
                Err(Stop::WrongOrigin),
                "{host}"
            );
        }
        for origin in ["null", "", "localhost", "http://", "file://"] {
            assert_eq!(
                check("supervise", Some(origin)),
                Err(Stop::WrongOrigin),
                "{origin}"
            );
        }
    }

    #[test]
    fn an_absolute_uri_counts_too() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "supervise".parse().unwrap());
        let check = |uri| check_names(&Uri::from_static(uri), &headers, &[]);
        assert_eq!(check("http://supervise:9100/mcp"), Ok(()));
        assert_eq!(check("http://evil.example/mcp"), Err(Stop::WrongHost));
    }
}
