//! What an operator makes of a proposal: a payload by the rules of what they may write into the file themselves.

use super::entry::one_spelling;
use super::rules::{is_host, is_path};
use crate::path_prefix::PathPrefixError;
use crate::route::{Route, RouteError, check_token_ref};

impl Route {
    /// Reads a payload as [`Route::from_payload`] does, by an operator's rules: an address or a name of one label
    /// is a host too, as in [`Routes::check_edit`](crate::Routes::check_edit). It is never an agent's word.
    ///
    /// ```
    /// use supervise_core::Route;
    /// let payload = "{\"host\": \"10.0.0.7\", \"path_allowlist\": [\"/v1/\"]}";
    /// assert!(Route::from_payload(payload).is_err());
    /// assert_eq!(Route::by_hand(payload)?.host(), "10.0.0.7");
    /// assert!(Route::by_hand("{\"host\": \"https://a.example\"}").is_err());
    /// # Ok::<(), supervise_core::RouteError>(())
    /// ```
    pub fn by_hand(text: &str) -> Result<Route, RouteError> {
        let route = Route::read(text)?;
        if !is_host(route.host()) {
            return Err(RouteError::HostByHand);
        }
        for (at, path) in route.path_allowlist().iter().enumerate() {
            check_path(path).map_err(|source| RouteError::Path { at, source })?;
        }
        if let Some(auth) = route.auth() {
            check_token_ref(&auth.token_ref)?;
        }
        let (paths, auth) = (route.path_allowlist().to_vec(), route.auth().cloned());
        Ok(Route::checked(one_spelling(route.host()), paths, auth))
    }
}

/// What [`is_path`] asks for, in the words of an agent's rule.
fn check_path(path: &str) -> Result<(), PathPrefixError> {
    match path.starts_with('/') {
        _ if is_path(path) => Ok(()),
        true => Err(PathPrefixError::NotPrintable),
        false => Err(PathPrefixError::NotAbsolute),
    }
}
