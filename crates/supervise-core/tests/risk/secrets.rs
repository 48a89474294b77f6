//! Secrets in what an agent writes. They are put together here, so that no scanner takes this file for a leak.

use proptest::prelude::*;
use supervise_core::mask_secrets;

use super::{Case, Pair};

/// A token with that prefix.
fn made(prefix: &str, length: usize) -> String {
    format!(
        "{prefix}{}",
        "a1B2c3D4e5F6".repeat(12).chars().take(length).collect::<String>()
    )
}

fn key() -> String {
    format!(
        "-----BEGIN RSA {0}\nMIIB\nxyz=\n-----END RSA {0}",
        "PRIVATE KEY-----"
    )
}

/// Each format, and how much of it stays readable.
fn tokens() -> Vec<(String, &'static str)> {
    vec![
        (made("ghp_", 36), "ghp_***"),
        (made("github_pat_", 40), "github_pat_***"),
        (made("glpat-", 20), "glpat-***"),
        (made("sk-", 48), "sk-***"),
        (made("sk-proj-", 48), "sk-***"),
        (made("sk_live_", 24), "sk_live_***"),
        (format!("AKIA{}", "ABCDEFGH12345678"), "AKIA***"),
        (made("xoxb-", 40), "xoxb-***"),
        (made("AIza", 35), "AIza***"),
        (made("npm_", 36), "npm_***"),
        (made("pypi-", 80), "pypi-***"),
        (made("hf_", 34), "hf_***"),
        (made("dckr_pat_", 27), "dckr_pat_***"),
        (made("hvs.", 24), "hvs.***"),
        (
            format!("{}.{}.{}", made("eyJ", 17), made("eyJ", 30), made("", 43)),
            "eyJ***",
        ),
        (format!("Bearer {}", made("", 40)), "Bearer ***"),
        (
            "https://ada:hunter2@a.example/x".into(),
            "https://ada:***@a.example/x",
        ),
        (
            key(),
            "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----",
        ),
    ]
}

pub(crate) fn pairs() -> Vec<Pair> {
    let ask = || Case::ask("a.example", &["/x/"]);
    let mut pairs: Vec<Pair> = tokens()
        .iter()
        .map(|(token, _)| {
            (
                "secret-in-text",
                ask().because(&format!("use {token} here")),
                ask().because("use a token"),
            )
        })
        .collect();
    let dockerfile = |line: &str| Case::dockerfile("FROM a:1\n", &format!("FROM a:1\nENV X={line}\n"));
    pairs.push((
        "secret-in-text",
        dockerfile(&made("ghp_", 36)),
        dockerfile("ghp_x"),
    ));
    pairs
}

#[test]
fn every_format_is_masked_wherever_it_stands() {
    for (token, masked) in tokens() {
        for (before, after) in [("", ""), ("TOKEN=", "\n"), ("é \"", "\", é"), ("(", ")")] {
            let text = format!("{before}{token}{after}");
            assert_eq!(mask_secrets(&text), format!("{before}{masked}{after}"));
        }
    }
    let two = format!("{} and {}", made("ghp_", 36), made("npm_", 36));
    assert_eq!(mask_secrets(&two), "ghp_*** and npm_***");
}

#[test]
fn what_people_write_is_left_alone() {
    for text in [
        "the task-force needs risk-assessment-and-more-words",
        "sk-SK locale, ghp_ prefix, AKIA is a prefix, eyJ too",
        "https://a.example/path?x=1 and ada@a.example and http://a.example:8080/",
        "https://ada@a.example/ and https://ada:$PASSWORD@a.example/",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "Bearer tokens are sent in a header",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ] {
        assert_eq!(mask_secrets(text), text);
    }
}

#[test]
fn every_place_with_a_secret_is_named() {
    let (token, key) = (made("ghp_", 36), made("npm_", 36));
    let case = Case::ask("a.example", &[&format!("/{key}")]).because(&token);
    let risks = case.risks();
    let text = &risks
        .iter()
        .find(|risk| risk.code == "secret-in-text")
        .unwrap()
        .text;
    assert!(
        text.contains("the justification holds what looks like a GitHub token"),
        "{text}"
    );
    assert!(
        text.contains("the payload holds what looks like a npm token"),
        "{text}"
    );
}

#[test]
fn no_risk_repeats_the_secret() {
    let secret = made("ghp_", 36);
    let payload = format!(
        "{{\"host\": \"{secret}.example\", \"path_allowlist\": [\"/{secret}\"], \"auth\": {{\"token_ref\": \"{secret}\"}}}}"
    );
    for risk in Case::raw(&payload).because(&secret).risks() {
        assert!(
            !risk.text.to_lowercase().contains(&secret[4..20].to_lowercase()),
            "{}",
            risk.text
        );
    }
}

proptest! {
    #[test]
    fn masking_twice_is_masking_once(
        before in any::<String>(), token in prop::sample::select(tokens()), after in any::<String>(),
    ) {
        let once = mask_secrets(&format!("{before} {} {after}", token.0));
        prop_assert!(!once.contains(&token.0));
        prop_assert_eq!(mask_secrets(&once), once);
    }
}
