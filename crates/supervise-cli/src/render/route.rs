//! What a route payload asks for, as a person reads it.

use supervise_core::{AuthScheme, Route, SafeLine, unicode_form};

use crate::ui::{Line, line};

/// `host`, its paths and its credential, in a few words.
pub(crate) fn summary(route: &Route) -> Line {
    let paths = match route.path_allowlist() {
        [] => line![", every path"],
        [only] => line![" under ", SafeLine::new(only)],
        [first, rest @ ..] => line![" under ", SafeLine::new(first), " and ", rest.len(), " more"],
    };
    host(route).join(paths).join(credential(route))
}

/// The same with every path.
pub(crate) fn whole(route: &Route) -> Line {
    match route.path_allowlist() {
        [] | [_] => summary(route),
        paths => {
            let paths: Vec<String> = paths.iter().map(|path| SafeLine::new(path).to_string()).collect();
            let paths = line![" under ", SafeLine::new(&paths.join(", "))];
            host(route).join(paths).join(credential(route))
        }
    }
}

/// The A-label, which is what is asked for, and beside it how the name may be shown elsewhere.
fn host(route: &Route) -> Line {
    let host = line![SafeLine::new(route.host())];
    match unicode_form(route.host()) {
        Some(unicode) => host.and(" (").and(SafeLine::new(&unicode)).and(")"),
        None => host,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(host: &str, paths: &[&str]) -> (String, String) {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let route = Route::new(host, paths, None).unwrap();
        (summary(&route).plain(), whole(&route).plain())
    }

    #[test]
    fn hosts_have_both_forms_where_they_differ() {
        let both = |text: &str| (text.to_owned(), text.to_owned());
        assert_eq!(shown("example.com", &[]), both("example.com, every path"));
        assert_eq!(
            shown("bücher.example", &["/v1/"]),
            both("xn--bcher-kva.example (bücher.example) under /v1/")
        );
        let cyrillic = "аррle.com";
        let (short, _) = shown(cyrillic, &[]);
        assert!(short.starts_with("xn--") && short.contains(cyrillic), "{short}");
        // A joiner that UTS 46 lets through in places is spelled out.
        if let Ok(route) = Route::new("क्\u{200d}ष.example", Vec::new(), None) {
            assert!(!summary(&route).plain().contains('\u{200d}'));
        }
    }

    #[test]
    fn a_card_has_every_path() {
        let (short, whole) = shown("example.com", &["/a/", "/b/", "/c/"]);
        assert_eq!(short, "example.com under /a/ and 2 more");
        assert_eq!(whole, "example.com under /a/, /b/, /c/");
    }
}
