//! The prefixes asked for join those of the host's route.

use supervise_core::{Change, Merged, merge};

use super::{amended, route, route_with_auth};

#[test]
fn prefixes_go_below_the_last() {
    let table = [
        (
            "routes:\n  - host: a.example\n    path_allowlist:\n      - /a\n",
            "routes:\n  - host: a.example\n    path_allowlist:\n      - /a\n      - /new/\n",
        ),
        (
            "routes:\n  - host: a.example\n    path_allowlist:\n    - /a",
            "routes:\n  - host: a.example\n    path_allowlist:\n    - /a\n    - /new/",
        ),
        (
            "routes:\n- path_allowlist:\n  - /a # first\n\n  # more?\n  host: a.example\n",
            "routes:\n- path_allowlist:\n  - /a # first\n  - /new/\n\n  # more?\n  host: a.example\n",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist: # these\n    - '/a'\n      # deeper\n    # level\n- host: b.example\n",
            "routes:\n- host: a.example\n  path_allowlist: # these\n    - '/a'\n      # deeper\n    - '/new/'\n    # level\n- host: b.example\n",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist:\n  -\n    \"/a\"\n",
            "routes:\n- host: a.example\n  path_allowlist:\n  -\n    \"/a\"\n  - \"/new/\"\n",
        ),
        (
            "routes:\n- host: A.Example.\n  path_allowlist: [/a]\n",
            "routes:\n- host: A.Example.\n  path_allowlist: [/a, /new/]\n",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist: [\"/a\", '/b',] # two\n",
            "routes:\n- host: a.example\n  path_allowlist: [\"/a\", '/b', '/new/',] # two\n",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist: [\n    /a,\n    /b # b\n  ]\n  note: x\n",
            "routes:\n- host: a.example\n  path_allowlist: [\n    /a,\n    /b, # b\n    /new/\n  ]\n  note: x\n",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist:\n    [/a,\n     /b]\n",
            "routes:\n- host: a.example\n  path_allowlist:\n    [/a,\n     /b,\n     /new/]\n",
        ),
        (
            "routes:\n- {host: a.example, path_allowlist: [ /a ], auth: {scheme: Bearer, token_ref: T}}\n",
            "routes:\n- {host: a.example, path_allowlist: [ /a, /new/ ], auth: {scheme: Bearer, token_ref: T}}\n",
        ),
        (
            "routes: [{path_allowlist: [/a], host: a.example}, {host: b.example}]",
            "routes: [{path_allowlist: [/a, /new/], host: a.example}, {host: b.example}]",
        ),
        (
            "routes:\n- ? host\n  : a.example\n  ? path_allowlist\n  : - /a\n    - /b\n",
            "routes:\n- ? host\n  : a.example\n  ? path_allowlist\n  : - /a\n    - /b\n    - /new/\n",
        ),
        (
            "routes:\n- host: xn--bcher-kva.example\n- host: a.example\n  path_allowlist: [/a]\n  auth: ~\n",
            "routes:\n- host: xn--bcher-kva.example\n- host: a.example\n  path_allowlist: [/a, /new/]\n  auth: ~\n",
        ),
    ];
    for (before, expected) in table {
        assert_eq!(
            amended(before, &route("a.example", &["/new/"])),
            expected,
            "{before:?}"
        );
        // A credential for a host that has a route is ignored.
        assert_eq!(
            amended(before, &route_with_auth("a.example", &["/new/"])),
            expected,
            "{before:?}"
        );
    }
}

#[test]
fn only_what_the_route_does_not_name_is_added() {
    let before = "routes:\n- host: a.example\n  path_allowlist: [/a/, /b]\n";
    let asked = route("a.example", &["/a/x", "/b", "/c", "/c", "/bb"]);
    let Ok(Merged::Changed { text, change }) = merge(before, &asked) else {
        panic!("nothing changed");
    };
    assert_eq!(text, before.replace("/b]", "/b, /a/x, /c, /bb]"));
    let added = ["/a/x", "/c", "/bb"].map(str::to_owned).to_vec();
    assert_eq!(change, Change::PrefixesAdded { added });
}

#[test]
fn a_prefix_without_a_final_slash_covers_only_itself() {
    for (own, asked) in [
        ("/v1", "/v1/"),
        ("/v1", "/v1/x"),
        ("/v1/", "/v1"),
        ("/v1/", "/v2/"),
        ("/V1/", "/v1/"),
    ] {
        let before = format!("routes:\n- host: a.example\n  path_allowlist: [{own}]\n");
        let text = amended(&before, &route("a.example", &[asked]));
        assert_eq!(text, before.replace(']', &format!(", {asked}]")));
    }
}
