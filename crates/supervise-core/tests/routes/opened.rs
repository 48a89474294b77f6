//! A route asked for without prefixes drops the list; comments in it stay.

use super::{amended, route, route_with_auth};

#[test]
fn the_list_goes_and_nothing_else() {
    let table = [
        (
            "routes:\n- host: a.example\n  path_allowlist: [/a]\n",
            "routes:\n- host: a.example\n",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist: [/a]",
            "routes:\n- host: a.example",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist:\n  - /a\n  - /b",
            "routes:\n- host: a.example",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist:\n    - /a\n    - /b\n  auth: {scheme: token, token_ref: T}\n",
            "routes:\n- host: a.example\n  auth: {scheme: token, token_ref: T}\n",
        ),
        (
            "routes:\n- host: a.example # h\n  path_allowlist: # these\n    - /a # a\n    # and\n    - /b\n  # next\n- host: b.example\n",
            "routes:\n- host: a.example # h\n  # these\n  # a\n  # and\n  # next\n- host: b.example\n",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist: [/a] # why",
            "routes:\n- host: a.example\n  # why",
        ),
        (
            "routes:\n  - path_allowlist: [/a]\n    host: a.example\n",
            "routes:\n  - host: a.example\n",
        ),
        (
            "routes:\n  -   path_allowlist:\n        - /a\n\n      host: a.example\n      x: 1\n",
            "routes:\n  -   host: a.example\n      x: 1\n",
        ),
        (
            "routes:\n  - path_allowlist: # only\n    - /a # a\n    # then\n    host: a.example\n",
            "routes:\n  - # only\n    # a\n    # then\n    host: a.example\n",
        ),
        (
            "routes:\n- \"path_allowlist\": ['/a']\n  'host': a.example\n",
            "routes:\n- 'host': a.example\n",
        ),
        (
            "routes: [{host: a.example, path_allowlist: [/a]}]\n",
            "routes: [{host: a.example}]\n",
        ),
        (
            "routes: [{path_allowlist: [/a], host: a.example}]\n",
            "routes: [{host: a.example}]\n",
        ),
        (
            "routes: [{host: a.example, path_allowlist: [/a], x: [1]}, {host: b.example, path_allowlist: [/b]}]\n",
            "routes: [{host: a.example, x: [1]}, {host: b.example, path_allowlist: [/b]}]\n",
        ),
        (
            "routes: [{host: a.example, path_allowlist: [/a],}]\n",
            "routes: [{host: a.example,}]\n",
        ),
        (
            "routes:\n- {\n    host: a.example, # h\n    path_allowlist: [/a], # p\n    x: 1\n  }\n",
            "routes:\n- {\n    host: a.example, # h\n     # p\n    x: 1\n  }\n",
        ),
        (
            "routes:\n- {\n    host: a.example, # h\n    path_allowlist: [\n      /a # p\n    ]\n  }\n",
            "routes:\n- {\n    host: a.example # h\n     # p\n    \n  }\n",
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist:\n  - |-\n    /a\n  x: 1\n",
            "routes:\n- host: a.example\n  x: 1\n",
        ),
    ];
    for (before, expected) in table {
        assert_eq!(amended(before, &route("a.example", &[])), expected, "{before:?}");
        assert_eq!(
            amended(before, &route_with_auth("a.example", &[])),
            expected,
            "{before:?}"
        );
    }
}
