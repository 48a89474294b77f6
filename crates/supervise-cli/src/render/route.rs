//! What a route payload asks for, as a person reads it.

use supervise_core::{AuthScheme, Route, SafeLine, mask_secrets, unicode_form};

use crate::ui::{Line, line};

/// `host`, its paths and its credential, in a few words. It stands in what people show around, so secrets are masked.
pub(crate) fn summary(route: &Route) -> Line {
    let masked = |text: &str| SafeLine::new(&mask_secrets(text));
    let paths = match route.path_allowlist() {
        [] => line![", every path"],
        [only] => line![" under ", masked(only)],
        [first, rest @ ..] => line![" under ", masked(first), " and ", rest.len(), " more"],
    };
    host(route, masked).join(paths).join(credential(route, masked))
}

/// The same with every path, and every byte of it.
pub(crate) fn whole(route: &Route) -> Line {
    let paths = match route.path_allowlist() {
        [] => line![", every path"],
        paths => line![" under ", SafeLine::new(&paths.join(", "))],
    };
    host(route, SafeLine::new)
        .join(paths)
        .join(credential(route, SafeLine::new))
}

/// The A-label, which is what is asked for, and beside it how the name may be shown elsewhere.
fn host(route: &Route, shown: fn(&str) -> SafeLine) -> Line {
    let host = line![shown(route.host())];
    match unicode_form(route.host()) {
        Some(unicode) => host.and(" (").and(shown(&unicode)).and(")"),
        None => host,
    }
}

/// Which credential would be sent along; empty for none.
fn credential(route: &Route, shown: fn(&str) -> SafeLine) -> Line {
    let Some(auth) = route.auth() else { return line![] };
    let scheme = match auth.scheme {
        AuthScheme::Bearer => "Bearer",
        AuthScheme::Token => "token",
    };
    line![", with ", shown(&auth.token_ref), " as ", scheme]
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
    fn a_row_has_no_secret_and_a_card_every_byte() {
        let path = format!("/ghp_{}/", "a1B2c3D4".repeat(5));
        let (short, whole) = shown("example.com", &[&path]);
        assert_eq!(short, "example.com under /ghp_***/");
        assert!(whole.ends_with(&path), "{whole}");
    }

    #[test]
    fn a_card_has_every_path() {
        let (short, whole) = shown("example.com", &["/a/", "/b/", "/c/"]);
        assert_eq!(short, "example.com under /a/ and 2 more");
        assert_eq!(whole, "example.com under /a/, /b/, /c/");
    }
}
