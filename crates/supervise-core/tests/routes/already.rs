//! What is open already changes nothing.

use supervise_core::{Merged, Routes, merge};

use super::{hosts, route, route_with_auth};

#[test]
fn what_is_open_changes_nothing() {
    let table: [(&str, &[&str]); 12] = [
        ("{host: a.example}", &[]),
        ("{host: a.example}", &["/x"]),
        ("{host: A.EXAMPLE.}", &["/x", "/y/"]),
        ("{host: \"a.example\", auth: {scheme: Basic, token_ref: T}}", &[]),
        ("{host: a.example, path_allowlist: [/x]}", &["/x"]),
        ("{host: a.example, path_allowlist: [\"/x\"]}", &["/x", "/x"]),
        ("{host: a.example, path_allowlist: [/x/]}", &["/x/y"]),
        ("{host: a.example, path_allowlist: [/x/]}", &["/x/", "/x/y/z"]),
        ("{host: a.example, path_allowlist: [/]}", &["/x"]),
        ("{host: a.example, path_allowlist: [/x, /y/]}", &["/y/1", "/x"]),
        ("{host: ａ.example, path_allowlist: [/x]}", &["/x"]),
        ("{auth: , host: a.example, unknown: {deep: [1]}}", &["/x"]),
    ];
    for (entry, paths) in table {
        let text = format!("routes:\n- {entry}\n");
        assert_eq!(
            merge(&text, &route("a.example", paths)),
            Ok(Merged::AlreadyAllowed),
            "{entry}"
        );
        assert_eq!(
            merge(&text, &route_with_auth("a.example", paths)),
            Ok(Merged::AlreadyAllowed),
            "{entry}"
        );
    }
}

#[test]
fn an_internationalized_host_is_one_host_in_every_spelling() {
    let text = "routes:\n- host: BÜCHER.example\n";
    assert_eq!(
        merge(text, &route("xn--bcher-kva.example", &[])),
        Ok(Merged::AlreadyAllowed)
    );
    assert_eq!(hosts(text), ["xn--bcher-kva.example"]);
    assert_eq!(
        Routes::parse(text).unwrap().entries()[0].written_host,
        "BÜCHER.example"
    );
}

#[test]
fn what_no_agent_may_ask_for_is_kept_and_found() {
    let text = "routes:\n- host: 10.0.0.1\n- host: \"*.Example.com\"\n- host: LocalHost\n- host: '[::1]'\n";
    assert_eq!(hosts(text), ["10.0.0.1", "*.example.com", "localhost", "[::1]"]);
    let routes = Routes::parse(text).unwrap();
    assert_eq!(routes.find("localhost.").map(|entry| entry.line), Some(4));
    // A wildcard's meaning is the proxy's own: it doesn't count as a route for the hosts under it.
    assert!(matches!(
        merge(text, &route("a.example.com", &[])),
        Ok(Merged::Changed { .. })
    ));
}
