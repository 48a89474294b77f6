//! What a route payload asks for, in one line.

use supervise_core::{AuthScheme, Route, SafeLine};

use crate::ui::{Line, line};

/// `host`, its paths and its credential.
pub(crate) fn summary(route: &Route) -> Line {
    let host = line![SafeLine::new(route.host())];
    let paths = match route.path_allowlist() {
        [] => line![", every path"],
        [only] => line![" under ", SafeLine::new(only)],
        [first, rest @ ..] => line![" under ", SafeLine::new(first), " and ", rest.len(), " more"],
    };
    host.join(paths).join(credential(route))
}

/// Which credential would be sent along; empty for none.
pub(crate) fn credential(route: &Route) -> Line {
    let Some(auth) = route.auth() else { return line![] };
    let scheme = match auth.scheme {
        AuthScheme::Bearer => "Bearer",
        AuthScheme::Token => "token",
    };
    line![", with ", SafeLine::new(&auth.token_ref), " as ", scheme]
}
