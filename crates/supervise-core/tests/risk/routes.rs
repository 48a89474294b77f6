//! Paths, credentials, exceptions, and payloads that are no routes.

use supervise_core::{Context, Proposal, Tool, assess};

use super::{Case, Pair};

const LIMITED: &str = "{host: a.example, path_allowlist: [/v1/]}";
const INJECTING: &str = "{host: a.example, path_allowlist: [/v1/], auth: {scheme: Bearer, token_ref: OLD}}";
const OPEN: &str = "{host: a.example}";

pub(crate) fn pairs() -> Vec<Pair> {
    let ask = Case::ask;
    let with_auth = Case::ask_with_auth;
    let plain = || ask("a.example", &["/v1/"]);
    vec![
        ("not-a-route", Case::raw("host: a.example"), plain()),
        (
            "not-a-route",
            Case::raw("[\"a.example\"]"),
            Case::of(Tool::CapabilityBlock, "FROM a:1\n"),
        ),
        (
            "not-a-route",
            Case::raw("{\"host\": 1}"),
            Case::of(Tool::EgressTokenAllow, "x"),
        ),
        ("outside-the-rules", Case::host("*.a.example"), plain()),
        (
            "outside-the-rules",
            Case::raw("{\"host\": \"a.example\", \"port\": 1}"),
            Case::raw("{}"),
        ),
        (
            "outside-the-rules",
            Case::raw("{\"host\": \"a.example\", \"path_allowlist\": [\"/../\"]}"),
            plain(),
        ),
        (
            "unusual-spelling",
            Case::raw("{\"host\": \"a.example\"}"),
            plain(),
        ),
        (
            "unusual-spelling",
            Case::raw(&ask("a.example", &[]).payload().replace("a.ex", "A.ex")),
            Case::raw("{}"),
        ),
        ("credential-new-host", with_auth("a.example", &["/v1/"]), plain()),
        (
            "credential-new-host",
            with_auth("a.example", &[]),
            with_auth("a.example", &[]).live(&[LIMITED]),
        ),
        (
            "credential-more-paths",
            ask("a.example", &["/v2/"]).live(&[INJECTING]),
            ask("a.example", &["/v2/"]).live(&[LIMITED]),
        ),
        (
            "credential-more-paths",
            ask("a.example", &[]).live(&[INJECTING]),
            ask("a.example", &["/v1/x"]).live(&[INJECTING]),
        ),
        (
            "credential-ignored",
            with_auth("a.example", &["/v2/"]).live(&[LIMITED]),
            with_auth("b.example", &[]).live(&[LIMITED]),
        ),
        (
            "credential-ignored",
            with_auth("a.example", &[]).live(&[OPEN]),
            ask("a.example", &[]).live(&[OPEN]),
        ),
        (
            "token-ref-new",
            with_auth("a.example", &["/v1/"]),
            with_auth("a.example", &["/v1/"]).known("API_TOKEN"),
        ),
        (
            "token-ref-new",
            with_auth("a.example", &["/v1/"])
                .live(&["{host: b.example, auth: {scheme: token, token_ref: OTHER}}"]),
            with_auth("a.example", &["/v1/"])
                .live(&["{host: b.example, auth: {scheme: token, token_ref: API_TOKEN}}"]),
        ),
        ("whole-host", ask("a.example", &[]), plain()),
        (
            "whole-host",
            ask("b.example", &[]).live(&[LIMITED]),
            ask("a.example", &[]).live(&[LIMITED]),
        ),
        (
            "opens-limited",
            ask("a.example", &[]).live(&[LIMITED]),
            ask("a.example", &["/v2/"]).live(&[LIMITED]),
        ),
        (
            "opens-limited",
            ask("a.example", &["/"]).live(&[LIMITED]),
            ask("a.example", &[]).live(&[OPEN]),
        ),
        ("prefix-no-slash", ask("a.example", &["/v1"]), plain()),
        (
            "prefix-no-slash",
            ask("a.example", &["/v2"]).live(&[LIMITED]),
            ask("a.example", &["/v1/x"]).live(&[LIMITED]),
        ),
        ("path-root", ask("a.example", &["/v1/", "/"]), plain()),
        (
            "path-root",
            ask("a.example", &["/"]).live(&[LIMITED]),
            ask("a.example", &["/"]).live(&[OPEN]),
        ),
        (
            "scanner-exception",
            Case::of(Tool::GitleaksAllow, "a finding"),
            plain(),
        ),
        (
            "token-exception",
            Case::of(Tool::EgressTokenAllow, "a finding"),
            Case::of(Tool::GitleaksAllow, "x"),
        ),
    ]
}

#[test]
fn a_plain_request_has_no_risk() {
    assert_eq!(Case::ask("a.example", &["/v1/"]).codes(), Vec::<&str>::new());
    assert_eq!(
        Case::ask("a.example", &["/v1/x/"]).live(&[LIMITED]).codes(),
        Vec::<&str>::new()
    );
    assert_eq!(Case::of(Tool::ListEgressRoutes, "x").codes(), Vec::<&str>::new());
}

#[test]
fn an_empty_context_counts_as_nothing_there() {
    let slug = "dev".parse().unwrap();
    let payload = "{\n  \"host\": \"a.example\"\n}\n";
    let risks = assess(
        &Proposal::new(&slug, Tool::EgressBlock, payload, "x"),
        &Context::default(),
    );
    assert_eq!(
        risks.iter().map(|risk| risk.code).collect::<Vec<_>>(),
        ["whole-host"]
    );
}

#[test]
fn texts_name_the_host_the_paths_and_the_credential() {
    let text = |case: Case, code: &str| {
        case.risks()
            .into_iter()
            .find(|risk| risk.code == code)
            .unwrap()
            .text
    };
    assert_eq!(
        text(Case::ask_with_auth("a.example", &["/v1/"]), "credential-new-host"),
        "every request to a.example, a new host, would carry the credential API_TOKEN"
    );
    assert_eq!(
        text(
            Case::ask("a.example", &[]).live(&[INJECTING]),
            "credential-more-paths"
        ),
        "the route carries the credential OLD, which every path would get too"
    );
    assert_eq!(
        text(
            Case::ask("a.example", &["/1", "/2", "/3", "/4", "/5", "/6", "/7"]),
            "prefix-no-slash"
        ),
        "a prefix without a final '/' opens whatever begins with it: /1, /2, /3, /4, /5, and 2 more"
    );
}
