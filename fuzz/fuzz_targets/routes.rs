//! A routes file as anybody may have written it, and a route that an agent asks for.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use supervise_core::{Auth, AuthScheme, Merged, Route, Routes, merge};

const HOSTS: [&str; 4] = ["api.example.com", "crates.io", "xn--bcher-kva.example", "a.b"];
const PATHS: [&str; 5] = ["/", "/v1/", "/v1", "/it's", "/c:d,{e}"];

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    host: u8,
    paths: u8,
    auth: bool,
    file: &'a str,
}

fn asked(input: &Input<'_>) -> Route {
    let paths = PATHS.iter().enumerate();
    let paths = paths
        .filter(|(at, _)| input.paths & (1 << at) != 0)
        .map(|(_, path)| (*path).to_owned());
    let auth = input.auth.then(|| Auth {
        scheme: AuthScheme::Bearer,
        token_ref: "TOKEN".into(),
    });
    let host = HOSTS[usize::from(input.host) % HOSTS.len()];
    Route::new(host, paths.collect(), auth).expect("a good route")
}

fuzz_target!(|input: Input<'_>| {
    let before = Routes::parse(input.file);
    let route = asked(&input);
    let Ok(Merged::Changed { text, .. }) = merge(input.file, &route) else {
        return;
    };
    let before = before.expect("only what can be read is amended");
    let after = Routes::parse(&text).expect("what was written reads back");
    for old in before.entries() {
        let new = after
            .entries()
            .iter()
            .find(|entry| entry.host == old.host)
            .expect("no route is lost");
        assert_eq!(new.auth, old.auth, "a credential is never changed");
        assert!(new.is_open() || old.path_allowlist.iter().all(|path| new.allows(path)));
        if old.host != route.host() {
            assert_eq!(
                new.path_allowlist, old.path_allowlist,
                "only the asked route is widened"
            );
        }
    }
    assert_eq!(
        merge(&text, &route),
        Ok(Merged::AlreadyAllowed),
        "merging twice is merging once"
    );
});
