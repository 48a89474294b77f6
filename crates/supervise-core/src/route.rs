//! A route an agent may ask for, and its one spelling as a payload.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::host::{HostError, normalize_host};
use crate::path_prefix::{PathPrefixError, check_path_prefix};
use crate::secret::first_secret;

/// The most path prefixes one route may name.
pub const MAX_PATH_PREFIXES: usize = 100;
const MAX_TOKEN_REF_CHARS: usize = 128;

/// One host that the egress proxy should let through.
///
/// ```
/// use supervise_core::Route;
/// let route = Route::new("API.example.com", vec!["/v1/".into()], None)?;
/// assert_eq!(
///     route.to_payload(),
///     "{\n  \"host\": \"api.example.com\",\n  \"path_allowlist\": [\n    \"/v1/\"\n  ]\n}\n"
/// );
/// assert_eq!(Route::from_payload(&route.to_payload())?, route);
/// # Ok::<(), supervise_core::RouteError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    host: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    path_allowlist: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<Auth>,
}

/// The credential the proxy should add to requests: a name on the host, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// How it is sent.
    pub scheme: AuthScheme,
    /// The host environment variable that holds it.
    pub token_ref: String,
}

/// The word before the credential in the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthScheme {
    /// `Authorization: Bearer …`
    Bearer,
    /// `Authorization: token …`
    #[serde(rename = "token")]
    Token,
}

/// Why a route can't be asked for; the message names the field and what to send instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The text is not the JSON of a route.
    #[error("line {line}: {problem}")]
    Syntax {
        /// 1-based line in the text.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// The host breaks a rule.
    #[error("'host' {0}")]
    Host(#[from] HostError),
    /// A prefix breaks a rule.
    #[error("path_allowlist[{at}] {source}")]
    Path {
        /// 0-based place in the list.
        at: usize,
        /// The rule.
        source: PathPrefixError,
    },
    /// More than [`MAX_PATH_PREFIXES`].
    #[error("'path_allowlist' has more than {MAX_PATH_PREFIXES} entries: ask for shorter prefixes")]
    TooManyPaths,
    /// Not the name of a variable.
    #[error(
        "auth.token_ref must be the name of a host variable, 1 to 128 of A-Z, a-z, 0-9 and '_', not beginning with a digit; never send the token itself"
    )]
    TokenRef,
    /// No host that a proxy could ever meet, though an operator wrote it.
    #[error("'host' must be a host's name or address alone, without scheme, path or blanks")]
    HostByHand,
    /// The name of a variable by its letters, and a known kind of token by its form.
    #[error(
        "auth.token_ref looks like a {0}: send the name of the host variable that holds it, never the token itself"
    )]
    Token(&'static str),
}

impl Route {
    /// A route in its one spelling; every rule for agents is checked here.
    pub fn new(host: &str, path_allowlist: Vec<String>, auth: Option<Auth>) -> Result<Self, RouteError> {
        let host = normalize_host(host)?;
        if path_allowlist.len() > MAX_PATH_PREFIXES {
            return Err(RouteError::TooManyPaths);
        }
        for (at, path) in path_allowlist.iter().enumerate() {
            check_path_prefix(path).map_err(|source| RouteError::Path { at, source })?;
        }
        if let Some(auth) = &auth {
            check_token_ref(&auth.token_ref)?;
        }
        Ok(Route {
            host,
            path_allowlist,
            auth,
        })
    }

    /// The host as an A-label.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path prefixes asked for; none means every path.
    pub fn path_allowlist(&self) -> &[String] {
        &self.path_allowlist
    }

    /// The credential asked for.
    pub fn auth(&self) -> Option<&Auth> {
        self.auth.as_ref()
    }

    /// The payload that is stored: JSON, two-space indent, a final newline.
    pub fn to_payload(&self) -> String {
        // A struct of strings has no value that JSON can't hold.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a payload back, under the same rules as [`Route::new`]. A null member counts as absent.
    pub fn from_payload(text: &str) -> Result<Self, RouteError> {
        let Route {
            host,
            path_allowlist,
            auth,
        } = Route::read(text)?;
        Route::new(&host, path_allowlist, auth)
    }

    /// A payload's members, unchecked.
    pub(crate) fn read(text: &str) -> Result<Self, RouteError> {
        let syntax = |error: serde_json::Error| RouteError::Syntax {
            line: error.line().max(1),
            problem: error.to_string(),
        };
        let mut value: Value = serde_json::from_str(text).map_err(syntax)?;
        if let Some(object) = value.as_object_mut() {
            object.retain(|_, member| !member.is_null());
        }
        serde_json::from_value(value).map_err(|error| RouteError::Syntax {
            line: 1,
            problem: error.to_string(),
        })
    }

    /// A route whose members were checked by other rules than an agent's.
    #[cfg(feature = "operator")]
    pub(crate) fn checked(host: String, path_allowlist: Vec<String>, auth: Option<Auth>) -> Self {
        Route {
            host,
            path_allowlist,
            auth,
        }
    }
}

pub(crate) fn check_token_ref(name: &str) -> Result<(), RouteError> {
    if !is_token_ref(name) {
        return Err(RouteError::TokenRef);
    }
    first_secret(name).map_or(Ok(()), |kind| Err(RouteError::Token(kind)))
}

pub(crate) fn is_token_ref(name: &str) -> bool {
    name.len() <= MAX_TOKEN_REF_CHARS
        && name
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_keys_keep_their_order_and_empty_ones_are_left_out() {
        let auth = Auth {
            scheme: AuthScheme::Token,
            token_ref: "GH_TOKEN".into(),
        };
        let full = Route::new("example.com", vec!["/b".into(), "/a".into()], Some(auth)).unwrap();
        assert_eq!(
            full.to_payload(),
            concat!(
                "{\n  \"host\": \"example.com\",\n  \"path_allowlist\": [\n    \"/b\",\n    \"/a\"\n  ],\n",
                "  \"auth\": {\n    \"scheme\": \"token\",\n    \"token_ref\": \"GH_TOKEN\"\n  }\n}\n"
            )
        );
        let bare = Route::new("example.com", vec![], None).unwrap();
        assert_eq!(bare.to_payload(), "{\n  \"host\": \"example.com\"\n}\n");
        assert_eq!(
            Route::from_payload("{\"host\":\"Example.com\",\"auth\":null}"),
            Ok(bare)
        );
    }

    #[test]
    fn token_refs_are_variable_names() {
        for good in ["A", "_", "GH_TOKEN", "x9", &"a".repeat(128)] {
            assert!(is_token_ref(good), "{good}");
        }
        for bad in [
            "",
            "9A",
            "A-B",
            "A B",
            "$A",
            "é",
            "ghp_x!",
            &"a".repeat(129),
            "A\n",
        ] {
            assert!(!is_token_ref(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_no_name_for_one() {
        let token = format!("ghp_{}", "a1B2c3D4".repeat(5));
        let named = |token_ref: &str| {
            let auth = Auth {
                scheme: AuthScheme::Bearer,
                token_ref: token_ref.to_owned(),
            };
            Route::new("example.com", vec![], Some(auth))
        };
        let error = named(&token).unwrap_err().to_string();
        assert!(error.contains("send the name"), "{error}");
        assert!(!error.contains(&token), "{error}");
        assert!(named("ghp_token_of_the_build_machines").is_ok());
    }

    #[test]
    fn paths_are_counted_and_named() {
        let paths = |count| vec!["/x".to_owned(); count];
        assert!(Route::new("example.com", paths(100), None).is_ok());
        assert_eq!(
            Route::new("example.com", paths(101), None),
            Err(RouteError::TooManyPaths)
        );
        let error = Route::new("example.com", vec!["/a".into(), "b".into()], None).unwrap_err();
        assert_eq!(error.to_string(), "path_allowlist[1] must start with '/'");
    }

    #[test]
    fn syntax_errors_name_the_line() {
        let error = Route::from_payload("{\n  \"host\": \"example.com\",\n  oops\n}\n").unwrap_err();
        assert!(matches!(error, RouteError::Syntax { line: 3, .. }), "{error}");
        for bad in [
            "",
            "[]",
            "{}",
            "{\"host\": 1}",
            "{\"host\": \"example.com\", \"port\": 1}",
        ] {
            assert!(
                matches!(Route::from_payload(bad), Err(RouteError::Syntax { .. })),
                "{bad}"
            );
        }
    }
}
