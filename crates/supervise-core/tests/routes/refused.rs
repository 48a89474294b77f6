//! What can't be read without doubt is refused, with its line.

use supervise_core::{RoutesProblem, merge};

use super::route;

fn refusal(text: &str) -> (usize, RoutesProblem) {
    let error = merge(text, &route("new.example", &["/x"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("line {}: {}", error.line, error.problem)
    );
    (error.line, error.problem)
}

#[test]
fn yaml_that_says_things_twice_or_in_another_place() {
    use RoutesProblem::*;
    let twice = |first| HostTwice {
        host: "a.example".into(),
        first,
    };
    let table = [
        ("routes:\n- host: &a a.example\n", 2, Anchor),
        ("routes: &all\n- host: a.example\n", 2, Anchor),
        (
            "x: &p [/a]\nroutes:\n- host: a.example\n  path_allowlist: *p\n",
            1,
            Anchor,
        ),
        ("routes:\n- !route {host: a.example}\n", 2, Tag),
        ("routes:\n- host: !!str a.example\n", 2, Tag),
        (
            "routes:\n- host: a.example\n  <<: {path_allowlist: [/a]}\n",
            3,
            MergeKey,
        ),
        (
            "routes:\n- host: a.example\n  host: b.example\n",
            3,
            DuplicateKey("host".into()),
        ),
        ("routes: []\nroutes: []\n", 2, DuplicateKey("routes".into())),
        ("routes: []\nx: {a: 1, \"a\": 2}\n", 2, DuplicateKey("a".into())),
        ("routes: []\n? [a]\n: 1\n", 2, ComplexKey),
        ("routes: []\n---\nroutes: []\n", 2, SecondDocument),
        ("routes: []\n--- # second\n", 2, SecondDocument),
        ("routes:\n- host: a.example\n- host: A.example.\n", 3, twice(2)),
        (
            "routes:\n- host: a.example\n  path_allowlist: [/a]\n- {host: \"a.example\"}\n",
            4,
            twice(2),
        ),
        (
            "routes:\n- host: a.example # x\u{2028}- host: b.example\n",
            2,
            LineBreak(0x2028),
        ),
        ("routes:\n- host: \"a\u{85}\"\n", 2, LineBreak(0x85)),
        ("routes:\r- host: a.example\r", 1, LineBreak(0xd)),
        (
            "routes:\n- host: a.example\n  path_allowlist: []\n",
            3,
            EmptyAllowlist,
        ),
        (
            "routes:\n- host: a.example\n  path_allowlist:\n",
            3,
            EmptyAllowlist,
        ),
        (
            "routes:\n- {host: a.example, path_allowlist: ~}\n",
            2,
            EmptyAllowlist,
        ),
    ];
    for (text, line, problem) in table {
        assert_eq!(refusal(text), (line, problem), "{text:?}");
    }
}

#[test]
fn yaml_of_another_shape() {
    let table = [
        ("- host: a.example\n", 1),
        ("routes\n", 1),
        ("version: 1\n", 1),
        ("{}\n", 1),
        ("42\n", 1),
        ("null\n", 1),
        ("Routes: []\n", 1),
        ("routes: a.example\n", 1),
        ("routes:\n  a.example: {}\n", 2),
        ("routes: false\n", 1),
        ("routes: \"\"\n", 1),
        ("routes:\n- a.example\n", 2),
        ("routes:\n- host: a.example\n-\n", 3),
        ("routes:\n- hostname: a.example\n", 2),
        ("routes:\n- host:\n", 2),
        ("routes:\n- host: 1.5\n", 2),
        ("routes:\n- host: [a.example]\n", 2),
        ("routes:\n- host: a.example\n  path_allowlist: /a\n", 3),
        ("routes:\n- host: a.example\n  path_allowlist: {a: b}\n", 3),
        (
            "routes:\n- host: a.example\n  path_allowlist:\n  - /a\n  - 1\n",
            5,
        ),
        ("routes:\n- host: a.example\n  path_allowlist: [/a, null]\n", 3),
        ("routes:\n- host: a.example\n  path_allowlist: [/a, [/b]]\n", 3),
        ("routes:\n- host: a.example\n  auth: Bearer\n", 3),
        ("routes:\n- host: a.example\n  auth: {scheme: Bearer}\n", 3),
        (
            "routes:\n- host: a.example\n  auth: {scheme: Bearer, token_ref: [T]}\n",
            3,
        ),
    ];
    for (text, line) in table {
        let (at, problem) = refusal(text);
        assert!(
            matches!(problem, RoutesProblem::NotRoutes(_)),
            "{text:?}: {problem}"
        );
        assert_eq!(at, line, "{text:?}: {problem}");
    }
}

#[test]
fn text_that_is_no_yaml() {
    for text in [
        "routes: [\n",
        "routes:\n- host: a.example\n host: b.example\n",
        "routes: [{host: a.example]\n",
        "routes:\n\t- host: a.example\n",
        "routes: *missing\n",
        "routes: \"\n",
        "\u{0}",
        "routes: @x\n",
        "routes: \u{1b}[31m\n",
        &"[".repeat(100_000),
        &"- ".repeat(100_000),
        &"{a: ".repeat(100_000),
    ] {
        let (_, problem) = refusal(text);
        let escaped = !problem.to_string().contains(char::is_control);
        assert!(
            matches!(problem, RoutesProblem::Syntax(_) | RoutesProblem::Alias) && escaped,
            "{problem}"
        );
    }
}

#[test]
fn what_can_not_be_amended_in_place_is_left_alone() {
    let table: [(&str, &[&str]); 4] = [
        ("---\n# mine\n...\n", &[]),
        ("{routes}\n", &[]),
        (
            "routes:\n- ? path_allowlist\n  : [/a]\n  host: new.example\n",
            &[],
        ),
        (
            "routes:\n- host: new.example\n  path_allowlist:\n  - |-\n    /a\n",
            &["/x"],
        ),
    ];
    for (text, paths) in table {
        let error = merge(text, &route("new.example", paths)).unwrap_err();
        assert_eq!(error.problem, RoutesProblem::Unpatchable, "{text:?}");
    }
}
