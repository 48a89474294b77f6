//! The address of a fleet's database, which holds a password: it is shown only where that is asked for.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use thiserror::Error;

/// What may stand behind the `?`. Anything else is a slip that the driver would pass over.
const PARAMETERS: [&str; 8] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "port",
    "user",
    "dbname",
];

/// Why a text is no address of a database. No part of the text is repeated, since it may be the password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FleetUrlError {
    /// Another scheme.
    #[error("the address of a fleet begins with 'postgres://'")]
    Scheme,
    /// Not readable as an address.
    #[error("the fleet's address can't be read: {0}")]
    Unreadable(&'static str),
    /// A parameter that nothing here reads.
    #[error(
        "the fleet's address has a parameter that isn't known: use sslmode, sslrootcert, sslcert, sslkey, host, port, user, dbname"
    )]
    Parameter,
}

/// `postgres://role:password@host:port/database?sslmode=…`. Where the host isn't this one and no `sslmode` is
/// given, the server's certificate and its name are verified.
#[derive(Clone, PartialEq, Eq)]
pub struct FleetUrl(String);

impl FleetUrl {
    /// The whole address with its password: to be printed once, or kept in a file that is its owner's alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The same database for another role.
    pub(super) fn with_role(&self, role: &str, password: &str) -> FleetUrl {
        let (_, rest) = self.split();
        let (place, query) = rest.split_once('?').map_or((rest, None), |(p, q)| (p, Some(q)));
        let kept =
            |parameter: &&str| !matches!(parameter.split('=').next(), Some("user" | "sslcert" | "sslkey"));
        let query: Vec<&str> = query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .filter(kept)
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        FleetUrl(format!(
            "postgres://{role}:{}@{place}{mark}{}",
            escaped(password),
            query.join("&")
        ))
    }

    pub(super) fn options(&self) -> Result<PgConnectOptions, FleetUrlError> {
        let options = PgConnectOptions::from_str(&self.0)
            .map_err(|_| FleetUrlError::Unreadable("a port, a mode or an escape in it is wrong"))?;
        let says_mode = self.parameters().any(|name| name == "sslmode");
        Ok(match () {
            () if says_mode => options,
            () if is_here(&options) => options.ssl_mode(PgSslMode::Prefer),
            () => options.ssl_mode(PgSslMode::VerifyFull),
        })
    }

    /// Who logs in, and everything behind the `@`.
    fn split(&self) -> (&str, &str) {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.find(['/', '?']).unwrap_or(rest.len());
        match rest[..authority].rfind('@') {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => ("", rest),
        }
    }

    fn parameters(&self) -> impl Iterator<Item = &str> {
        let query = self.split().1.split_once('?').map(|(_, query)| query);
        query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .map(|parameter| parameter.split('=').next().unwrap_or_default())
    }
}

/// A password as it may stand in an address.
fn escaped(password: &str) -> String {
    let one = |byte: u8| match byte {
        b if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    password.bytes().map(one).collect()
}

fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]")
}

impl FromStr for FleetUrl {
    type Err = FleetUrlError;

    fn from_str(text: &str) -> Result<Self, FleetUrlError> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(FleetUrlError::Scheme);
        }
        if text
            .bytes()
            .any(|b| b.is_ascii_control() || b == b' ' || b == b'#')
        {
            return Err(FleetUrlError::Unreadable(
                "it holds a blank, a '#' or a control character",
            ));
        }
        let url = FleetUrl(text.to_owned());
        if url.parameters().any(|name| !PARAMETERS.contains(&name)) {
            return Err(FleetUrlError::Parameter);
        }
        url.options()?;
        Ok(url)
    }
}

/// Where the database is, without any word of who logs in and how.
impl fmt::Display for FleetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.split().1;
        write!(f, "postgres://{}", place.split('?').next().unwrap_or_default())
    }
}

impl fmt::Debug for FleetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FleetUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_only_where_it_is_asked_for() {
        let url: FleetUrl = "postgres://ada:se@cret@db.example/fleet?sslmode=require"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "postgres://db.example/fleet");
        assert!(!format!("{url:?}").contains("cret"));
        assert!(url.expose().contains("se@cret"));
    }

    #[test]
    fn what_is_wrong_is_told_without_repeating_it() {
        let wrong = [
            "mysql://ada:secret@db/x",
            "postgres://ada:secret@db:port/x",
            "postgres://ada:secret@db/x?sslmode=secret",
            "postgres://ada:secret@db/x?passwrod=secret",
            "postgres://ada:secret word@db/x",
        ];
        for text in wrong {
            let error = text.parse::<FleetUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn another_host_is_verified_unless_said_otherwise() {
        let mode = |text: &str| {
            text.parse::<FleetUrl>()
                .unwrap()
                .options()
                .unwrap()
                .get_ssl_mode()
        };
        assert!(matches!(mode("postgres://a@db.example/x"), PgSslMode::VerifyFull));
        assert!(matches!(
            mode("postgres://a@db.example/x?sslmode=disable"),
            PgSslMode::Disable
        ));
        assert!(matches!(mode("postgres://a@127.0.0.1/x"), PgSslMode::Prefer));
        assert!(matches!(
            mode("postgres://a@localhost/x?host=/run/pg"),
            PgSslMode::Prefer
        ));
    }

    #[test]
    fn another_role_keeps_the_place_alone() {
        let admin: FleetUrl = "postgres://root:x@h:5/d?user=root&sslmode=require&sslkey=/k"
            .parse()
            .unwrap();
        assert_eq!(
            admin.with_role("b", "p@/").expose(),
            "postgres://b:p%40%2F@h:5/d?sslmode=require"
        );
    }
}
