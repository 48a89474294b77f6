//! A host without a route gets one at the end.

use super::{amended, route, route_with_auth};

#[test]
fn a_file_without_routes_gets_its_first() {
    let one = "  - host: new.example\n";
    let table = [
        ("", format!("routes:\n{one}")),
        ("\n", format!("\nroutes:\n{one}")),
        ("# mine\n", format!("# mine\nroutes:\n{one}")),
        ("# mine", format!("# mine\nroutes:\n{}", one.trim_end())),
        ("---\n", format!("---\nroutes:\n{one}")),
        ("---\n# mine\n", format!("---\n# mine\nroutes:\n{one}")),
        ("routes:\n", format!("routes:\n{one}")),
        ("routes:", format!("routes:\n{}", one.trim_end())),
        ("routes: # all of them\n", format!("routes: # all of them\n{one}")),
        ("routes:\n  # none yet\n", format!("routes:\n  # none yet\n{one}")),
        ("routes:\n# none yet\n", format!("routes:\n{one}# none yet\n")),
        ("routes: []\n", format!("routes:\n{one}")),
        ("routes: []", format!("routes:\n{}", one.trim_end())),
        ("routes: [ ]  # none\n", format!("routes:  # none\n{one}")),
        ("routes: ~\nversion: 1\n", format!("routes:\n{one}version: 1\n")),
        ("routes: null\n", format!("routes:\n{one}")),
        ("\"routes\": []\n", format!("\"routes\":\n{one}")),
        (
            "version: 1\nroutes:\nlast: yes\n",
            format!("version: 1\nroutes:\n{one}last: yes\n"),
        ),
        ("routes: [\n]\n", "routes: [{host: new.example}\n]\n".into()),
        (
            "routes: [ # none\n]\n",
            "routes: [{host: new.example} # none\n]\n".into(),
        ),
        ("routes:\n  []\n", "routes:\n  [{host: new.example}]\n".into()),
        ("routes:\n  ~\n", "routes:\n   [{host: new.example}]\n".into()),
        ("{routes: }\n", "{routes: [{host: new.example}] }\n".into()),
        (
            "{routes: null, version: 1}\n",
            "{routes:  [{host: new.example}], version: 1}\n".into(),
        ),
        (
            "{\"routes\": []}\n",
            "{\"routes\": [{\"host\": \"new.example\"}]}\n".into(),
        ),
    ];
    for (before, expected) in table {
        assert_eq!(
            amended(before, &route("new.example", &[])),
            expected,
            "{before:?}"
        );
    }
}

#[test]
fn a_list_of_routes_gets_one_more() {
    let table = [
        (
            "routes:\n  - host: a.example\n",
            "routes:\n  - host: a.example\n  - host: new.example\n",
        ),
        (
            "routes:\n  - host: a.example",
            "routes:\n  - host: a.example\n  - host: new.example",
        ),
        (
            "routes:\n- host: a.example\n",
            "routes:\n- host: a.example\n- host: new.example\n",
        ),
        (
            "routes:\n-   host: a.example\n    x: 1\n",
            "routes:\n-   host: a.example\n    x: 1\n- host: new.example\n",
        ),
        (
            "routes:\n  -\n    host: a.example\n",
            "routes:\n  -\n    host: a.example\n  - host: new.example\n",
        ),
        (
            "routes:\n  - # first\n    host: a.example\n",
            "routes:\n  - # first\n    host: a.example\n  - host: new.example\n",
        ),
        (
            "routes:\n  - host: a.example # why - not\n    # only for CI\n  # the end\n",
            "routes:\n  - host: a.example # why - not\n    # only for CI\n  - host: new.example\n  # the end\n",
        ),
        (
            "routes:\n  - host: a.example\n\n# the rest\nversion: 1\n",
            "routes:\n  - host: a.example\n  - host: new.example\n\n# the rest\nversion: 1\n",
        ),
        (
            "routes:\n  - {host: a.example, note: \"}\"}  # x\n",
            "routes:\n  - {host: a.example, note: \"}\"}  # x\n  - host: new.example\n",
        ),
        (
            "routes:\n  - host: a.example\n    note: |+\n      two\n\n\nversion: 1\n",
            "routes:\n  - host: a.example\n    note: |+\n      two\n\n\n  - host: new.example\nversion: 1\n",
        ),
        (
            "routes:\n  - host: a.example\n    note: >-\n      folded\n      text\n",
            "routes:\n  - host: a.example\n    note: >-\n      folded\n      text\n  - host: new.example\n",
        ),
        (
            "routes:\n  - host: a.example\n    note: |\n      text\n   # less deep\n  # end\nversion: 1\n",
            "routes:\n  - host: a.example\n    note: |\n      text\n   # less deep\n  - host: new.example\n  # end\nversion: 1\n",
        ),
        (
            "routes:\n  - \"host\": \"a.example\"\n",
            "routes:\n  - \"host\": \"a.example\"\n  - \"host\": \"new.example\"\n",
        ),
        (
            "routes:\n  - host: 'a.example'\n",
            "routes:\n  - host: 'a.example'\n  - host: 'new.example'\n",
        ),
        (
            "---\nroutes:\n  - host: a.example\n...\n",
            "---\nroutes:\n  - host: a.example\n  - host: new.example\n...\n",
        ),
        (
            "%YAML 1.2\n---\nroutes:\n- host: a.example\n",
            "%YAML 1.2\n---\nroutes:\n- host: a.example\n- host: new.example\n",
        ),
        (
            "\u{feff}routes:\n- host: a.example\n",
            "\u{feff}routes:\n- host: a.example\n- host: new.example\n",
        ),
        (
            "  routes:\n    - host: a.example\n",
            "  routes:\n    - host: a.example\n    - host: new.example\n",
        ),
        (
            "routes: [{host: a.example}]\n",
            "routes: [{host: a.example}, {host: new.example}]\n",
        ),
        (
            "routes: [{host: a.example}, ]",
            "routes: [{host: a.example}, {host: new.example}, ]",
        ),
        (
            "routes: [host: a.example]\n",
            "routes: [host: a.example, {host: new.example}]\n",
        ),
        (
            "routes: [\n  {host: a.example}, # a\n  {host: b.example}  # b\n]\n",
            "routes: [\n  {host: a.example}, # a\n  {host: b.example},  # b\n  {host: new.example}\n]\n",
        ),
        (
            "routes: [\n  {host: a.example},  # a\n]\n",
            "routes: [\n  {host: a.example},  # a\n  {host: new.example},\n]\n",
        ),
        (
            "routes: [\n  {host: a.example}]\n",
            "routes: [\n  {host: a.example},\n  {host: new.example}]\n",
        ),
        (
            "routes: [\n    {host: a.example}\n  , {host: b.example}\n]\n",
            "routes: [\n    {host: a.example}\n  , {host: b.example}, {host: new.example}\n]\n",
        ),
        (
            "{\n  \"routes\": [\n    {\"host\": \"a.example\"}\n  ]\n}\n",
            "{\n  \"routes\": [\n    {\"host\": \"a.example\"},\n    {\"host\": \"new.example\"}\n  ]\n}\n",
        ),
    ];
    for (before, expected) in table {
        assert_eq!(
            amended(before, &route("new.example", &[])),
            expected,
            "{before:?}"
        );
    }
}

#[test]
fn a_new_route_brings_its_paths_and_its_credential() {
    let whole = route_with_auth("new.example", &["/v1/", "/a:", "/v1/"]);
    assert_eq!(
        amended("", &whole),
        "routes:\n  - host: new.example\n    path_allowlist:\n      - /v1/\n      - \"/a:\"\n    auth:\n      \
         scheme: Bearer\n      token_ref: API_TOKEN\n"
    );
    assert_eq!(
        amended("routes: [{host: a.example}]\n", &whole),
        "routes: [{host: a.example}, {host: new.example, path_allowlist: [/v1/, \"/a:\"], auth: {scheme: Bearer, \
         token_ref: API_TOKEN}}]\n"
    );
    // JSON stays JSON.
    let json = amended("{\"routes\":[{\"host\":\"a.example\"}]}\n", &whole);
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
}

#[test]
fn what_yaml_would_take_for_something_else_is_quoted() {
    let text = amended("routes: []\n", &route("1e5.example", &["/{a}", "/x,y", "/'"]));
    assert_eq!(
        text,
        "routes:\n  - host: 1e5.example\n    path_allowlist:\n      - \"/{a}\"\n      - \"/x,y\"\n      - \"/'\"\n"
    );
    assert!(amended("", &route("1._", &[])).contains("host: \"1._\""));
    assert!(amended("", &route("-a.example", &[])).contains("host: \"-a.example\""));
}
